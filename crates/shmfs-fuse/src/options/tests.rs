//! Options one by one, any bytes at all, and what the kernel's tmpfs says to the same text.

use super::*;
use proptest::prelude::*;

fn parsed(text: &str) -> Options {
    Options::parse(text.as_bytes()).unwrap_or_else(|refused| panic!("{text}: {refused}"))
}

fn refusal(text: &str) -> Refused {
    match Options::parse(text.as_bytes()) {
        Err(refused) => refused,
        Ok(options) => panic!("{text} is taken: {options:?}"),
    }
}

#[test]
fn sizes_are_the_kernels() {
    let cases = [
        ("size=4096", Size::Bytes(4096)),
        ("size=1", Size::Bytes(4096)),
        ("size=64k", Size::Bytes(64 << 10)),
        ("size=64M", Size::Bytes(64 << 20)),
        ("size=2g", Size::Bytes(2 << 30)),
        ("size=1T", Size::Bytes(1 << 40)),
        ("size=0x10m", Size::Bytes(16 << 20)),
        ("size=0x1e", Size::Bytes(4096)),
        ("size=010m", Size::Bytes(8 << 20)),
        ("size=50%", Size::Percent(50)),
        ("size=1k%", Size::Percent(1024)),
        ("nr_blocks=10", Size::Bytes(40960)),
        ("nr_blocks=1k", Size::Bytes(4 << 20)),
        ("size=1g,nr_blocks=10", Size::Bytes(40960)),
        ("nr_blocks=10,size=1g", Size::Bytes(1 << 30)),
        ("size=1g,size=2g", Size::Bytes(2 << 30)),
    ];
    for (text, expected) in cases {
        assert_eq!(parsed(text).size, Some(expected), "{text}");
    }
    assert_eq!(Size::Percent(50).bytes(10 * 4096 + 7), Some(6 * 4096));
    assert_eq!(Size::Percent(u64::MAX).bytes(u64::MAX), None);
}

#[test]
fn what_says_nothing_is_refused_by_name() {
    for text in [
        "size",
        "size=",
        "size=k",
        "size=%",
        "size=0",
        "size=0%",
        "size=-1",
        "size=+5m",
        "size=1.5m",
        "size=5kb",
        "size=5%%",
        "size=08",
        "size=0x",
        "size=1m ",
        "size= 1m",
        "size=16e",
        "size=8e",
        "size=99999999999999999999",
        "size=\"1m\"",
        "nr_blocks=10%",
        "nr_blocks=0",
        "nr_blocks=-1",
        "nr_inodes",
        "nr_inodes=",
        "nr_inodes=k",
        "nr_inodes=-1",
        "nr_inodes=100p",
        "mode=",
        "mode=9",
        "mode=0x1",
        "mode=-1",
        "mode=7 ",
        "mode=99999999999999",
        "uid=",
        "uid=-1",
        "uid=4294967295",
        "uid=4294967296",
        "uid=a b",
        "uid=a:b",
        "uid=7x",
        "gid=08",
        "huge",
        "huge=",
        "huge=ALWAYS",
        "huge=deny",
        "huge=force",
        "noswap=1",
        "sysv=1",
        "remount=1",
        "ro=1",
        "store=",
        "store",
        "swap",
        "SIZE=1m",
        "size =1m",
        "foo",
        "foo=bar",
        "=",
        "=1",
        "nofail=1",
        "bind",
        "loop",
        "source=x",
        "mpol=local",
        "inode32",
        "inode64",
        "quota",
        "casefold",
        "mand",
        "allow_root",
        "context=x",
    ] {
        let refused = refusal(text);
        assert_eq!(refused.item(), text.replace('"', "\\\""), "{text}");
        let said = refused.to_string();
        assert!(said.starts_with(&format!("the option `{}` is refused: ", refused.item())), "{said}");
        assert!(!refused.hint().is_empty(), "{text}");
    }
    assert_eq!(refusal("ro,mpol=local").item(), "mpol=local");
    assert!(
        refusal("mpol=local").is_unknown() && refusal("foo").is_unknown() && !refusal("mode=9").is_unknown()
    );
    assert_eq!(refusal(&"a".repeat(100)).item().len(), SHOWN);
}

/// The part that is shown, and three dots.
const SHOWN: usize = 64 + 3;

#[test]
fn a_text_is_at_most_a_page() {
    let ours = ",".repeat(TEXT_BYTES);
    assert_eq!(parsed(&ours), Options::default());
    assert!(refusal(&format!("{ours},")).to_string().contains("4097 bytes, at most 4096"));
}

#[test]
fn each_option_arrives() {
    let text =
        "nr_inodes=10k,mode=77777,uid=0x10,gid=daemon,huge=within_size,noswap,nosysv,store=lab,remount";
    let expected = Options {
        size: None,
        nr_inodes: Some(10 << 10),
        mode: Some(0o7777),
        uid: Some(Owner::Number(16)),
        gid: Some(Owner::Name("daemon".to_owned())),
        huge: Some(Huge::WithinSize),
        noswap: true,
        sysv: Some(false),
        store: Some("lab".to_owned()),
        remount: true,
        flags: MountFlags::empty(),
    };
    assert_eq!(parsed(text), expected);
    assert_eq!(parsed("nosysv,sysv").sysv, Some(true));
    assert_eq!(parsed("nr_inodes=0").nr_inodes, Some(0));
    assert_eq!(parsed("mode=+755").mode, Some(0o755));
    assert_eq!(parsed("uid=+010").uid, Some(Owner::Number(8)));
    assert_eq!(parsed("store=/run/shmfs/x").store.as_deref(), Some("/run/shmfs/x"));
    let mut both = parsed("size=1m,ro");
    both.add(b"size=2m,rw").unwrap();
    assert_eq!(both, parsed("size=2m"));
}

#[test]
fn flags_are_those_of_mount() {
    use MountFlags as F;
    let cases = [
        ("", F::empty()),
        ("defaults,auto,nofail,_netdev,x-a=b,X-c,comment=d,noauto,nouser,loud,async", F::empty()),
        ("rw,user_id=0,group_id=0,default_permissions,allow_other,remount", F::empty()),
        ("ro", F::RDONLY),
        ("ro,rw", F::empty()),
        ("nosuid,nodev,noexec,dirsync,sync", F::NOSUID | F::NODEV | F::NOEXEC | F::DIRSYNC | F::SYNCHRONOUS),
        ("rw,nosuid,nodev,size=1m,user,exec", F::NOSUID | F::NODEV),
        ("user", F::NOSUID | F::NODEV | F::NOEXEC),
        ("group", F::NOSUID | F::NODEV),
        ("relatime,noatime", F::NOATIME),
        ("noatime,strictatime,nodiratime", F::STRICTATIME | F::NODIRATIME),
        ("lazytime,nosymfollow", F::LAZYTIME | F::NOSYMFOLLOW),
        ("nosymfollow,symfollow,nodev,dev,nosuid,suid,lazytime,nolazytime", F::empty()),
    ];
    for (text, expected) in cases {
        assert_eq!(parsed(text).flags, expected, "{text}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_taken_or_refused_in_printable_words(text in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Err(refused) = Options::parse(&text) {
            prop_assert!(refused.to_string().chars().all(|c| c.is_ascii_graphic() || c == ' '));
        }
    }

    #[test]
    fn numbers_go_there_and_back(size in 1_u64..1 << 50, inodes in any::<u32>(), mode in 0_u32..0o10000, id in 0..u32::MAX) {
        let options = parsed(&format!("size={size},nr_inodes={inodes},mode={mode:o},uid={id},gid={id:#x}"));
        prop_assert_eq!(options.size, Some(Size::Bytes(size.next_multiple_of(4096))));
        prop_assert_eq!(options.nr_inodes, Some(u64::from(inodes)));
        prop_assert_eq!(options.mode, Some(mode));
        prop_assert_eq!((options.uid, options.gid), (Some(Owner::Number(id)), Some(Owner::Number(id))));
    }

    #[test]
    fn a_refusal_is_of_the_first_option_that_is_wrong(before in 0_usize..5, after in 0_usize..5) {
        let fine = ["size=1m", "noswap", "ro", "x-y=z", "mode=7"];
        let text = [&fine[..before], &["nonsense=1"], &fine[after..]].concat().join(",");
        let refused = refusal(&text);
        prop_assert_eq!(refused.item(), "nonsense=1");
    }
}
