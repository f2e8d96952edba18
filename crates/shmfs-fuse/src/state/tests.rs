//! What a state says after a broker was killed between any two of its words.

use super::*;
use shmfs_sys::map::SharedMap;

fn reopened(file: &OwnedFd) -> State {
    State::open(file).expect("the state opens")
}

fn opened(backing: i32, opens: u32, writers: u32) -> Opened {
    Opened { backing, opens, writers }
}

/// The words of the file, to be put back as a killed broker would have left them.
fn words(file: &OwnedFd) -> (SharedMap, Vec<u64>) {
    let map = SharedMap::new(file, BYTES).expect("mapped");
    let words = (0..ROWS_AT + 16).map(|word| map.atomic_u64(word * 8).load(Acquire)).collect();
    (map, words)
}

#[test]
fn a_request_is_unknown_begun_or_done_and_no_other_request_is() {
    let file = create().expect("a state");
    let state = reopened(&file);
    assert_eq!(state.phase(7), Phase::Unknown);
    state.begin(7, [1, 2]);
    assert_eq!((reopened(&file).phase(7), state.phase(8)), (Phase::Begun([1, 2]), Phase::Unknown));
    state.commit();
    assert_eq!((reopened(&file).phase(7), state.phase(8)), (Phase::Done, Phase::Unknown));
    state.begin(8, [0, 0]);
    assert_eq!((state.phase(7), state.phase(8)), (Phase::Unknown, Phase::Begun([0, 0])));
}

#[test]
fn a_row_and_its_request_are_both_there_or_neither_whichever_word_is_the_last() {
    let file = create().expect("a state");
    let mut state = reopened(&file);
    let (node, other) = (NodeId(5 << 32), NodeId(6 << 32));
    state.begin(1, [0, 0]);
    state.commit_opened(other, Some(opened(3, 1, 0))).expect("room");
    for (unique, before, after) in [
        (2, None, Some(opened(4, 1, 1))),
        (3, Some(opened(4, 1, 1)), Some(opened(4, 2, 1))),
        (4, Some(opened(4, 2, 1)), None),
    ] {
        assert_eq!(state.opened(node), before);
        let (map, old) = words(&file);
        state.begin(unique, [0, 0]);
        state.commit_opened(node, after).expect("room");
        let (_, new) = words(&file);
        let changed: Vec<usize> = (0..old.len()).filter(|word| old[*word] != new[*word]).collect();
        // Every word of the rows is written after the commit: any of them may be missing.
        let rows: Vec<usize> = changed.iter().copied().filter(|word| *word >= ROWS_AT).collect();
        for missing in 0..=rows.len() {
            for word in &rows[rows.len() - missing..] {
                map.atomic_u64(word * 8).store(old[*word], Release);
            }
            let next = reopened(&file);
            assert_eq!((next.phase(unique), next.opened(node)), (Phase::Done, after), "{missing} words");
            assert_eq!(next.opened(other), Some(opened(3, 1, 0)));
        }
        // And without the commit none of it was.
        map.atomic_u64(Word::Phase as usize * 8).store(BEGUN, Release);
        for word in &rows {
            map.atomic_u64(word * 8).store(old[*word], Release);
        }
        let next = reopened(&file);
        assert_eq!((next.phase(unique), next.opened(node)), (Phase::Begun([0, 0]), before));
        new.iter().zip(0..).for_each(|(value, word)| map.atomic_u64(word * 8).store(*value, Release));
        state = reopened(&file);
    }
    assert_eq!(state.last_row(), None);
}

#[test]
fn a_place_is_used_again_and_none_is_given_twice() {
    let file = create().expect("a state");
    let mut state = reopened(&file);
    let node = |number: u64| NodeId(number << 32);
    for round in 0..3u64 {
        for number in 1..=100 {
            state.begin(round * 1000 + number, [0, 0]);
            state.commit_opened(node(number), Some(opened(1, 1, 0))).expect("room");
        }
        assert_eq!(state.get(Word::Rows), 100);
        state = reopened(&file);
        for number in 1..=100 {
            assert_eq!(state.opened(node(number)), Some(opened(1, 1, 0)));
            state.begin(round * 1000 + 500 + number, [0, 0]);
            state.commit_opened(node(number), None).expect("the row is there");
        }
        state = reopened(&file);
    }
}

#[test]
fn a_passthrough_is_left_until_a_row_names_it_and_the_one_behind_the_last_is_too() {
    let file = create().expect("a state");
    let left = |file| reopened(file).left().collect::<Vec<_>>();
    let mut state = reopened(&file);
    assert_eq!(left(&file), [1], "the first may have been given out already");
    state.given(9);
    assert_eq!(left(&file), [9, 10]);
    state.begin(1, [0, 0]);
    state.commit_opened(NodeId(5 << 32), Some(opened(9, 1, 0))).expect("room");
    assert_eq!(left(&file), [10]);
    state.set_loose(None);
    state.begin(2, [0, 0]);
    state.commit_opened(NodeId(6 << 32), Some(opened(10, 1, 0))).expect("room");
    assert_eq!(left(&file), [0i32; 0], "the numbers begin anew some day");
}

#[test]
fn what_is_no_state_is_refused() {
    let file = create().expect("a state");
    let (map, _) = words(&file);
    map.atomic_u64(0).store(1, Release);
    assert_eq!(State::open(&file).map(drop), Err(Errno::EINVAL));
    let short = memfd::create(c"short", false).expect("a memfd");
    assert_eq!(State::open(&short).map(drop), Err(Errno::EINVAL));
}

#[test]
fn pins_are_named_until_they_are_forgotten() {
    let file = create().expect("a state");
    let state = reopened(&file);
    let mut pins = crate::pins::Pins::take_over(&state, |_| true);
    let kept = memfd::create(c"kept", false).expect("a memfd");
    let number = std::os::fd::AsRawFd::as_raw_fd(&kept);
    pins.keep(&state, NodeId(5 << 32), kept);
    assert_eq!(crate::pins::numbers(&reopened(&file)), [number]);
    pins.forget(&state, NodeId(6 << 32));
    pins.forget(&state, NodeId(5 << 32));
    assert_eq!(crate::pins::numbers(&reopened(&file)), [0i32; 0]);
}
