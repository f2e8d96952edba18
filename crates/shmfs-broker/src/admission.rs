//! Who may enter a store at all. What they may do inside is the engine's to say.

use shmfs_abi::Uid;
use shmfs_abi::store::{Admission, Token};

/// Whether a process of `uid` that shows `token` may enter the store of `owner`.
pub(crate) fn admits(admission: &Admission, uid: Uid, token: Token, owner: Uid) -> bool {
    if uid == owner || uid == Uid(0) {
        return true;
    }
    match admission {
        Admission::Everyone => true,
        Admission::Owner => false,
        Admission::Token(expected) => same(expected, &token),
    }
}

/// Compares without telling by its time how many bytes were right.
fn same(left: &Token, right: &Token) -> bool {
    left.0.iter().zip(right.0).fold(0, |difference, (l, r)| difference | (l ^ r)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owner_root_and_the_token_enter() {
        let token = Token([7; 16]);
        let wrong = Token([8; 16]);
        let cases = [
            (Admission::Owner, 1000, wrong, true),
            (Admission::Owner, 0, wrong, true),
            (Admission::Owner, 1001, token, false),
            (Admission::Everyone, 1001, wrong, true),
            (Admission::Token(token), 1001, token, true),
            (Admission::Token(token), 1001, wrong, false),
            (Admission::Token(token), 1000, wrong, true),
        ];
        for (admission, uid, shown, expected) in cases {
            assert_eq!(admits(&admission, Uid(uid), shown, Uid(1000)), expected, "{admission:?} {uid}");
        }
    }
}
