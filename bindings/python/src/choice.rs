//! Words and numbers of Python that choose something: lifetimes, seals, advice, ranges.
//!
//! Owns: the words. Leaves to others: the enums that have them (`python/shmfs/_values.py`).

use crate::answer::Answer;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use shmfs::{Advice, Lifetime};
use std::ops::Range;

const LIFETIMES: [(&str, Lifetime); 4] = [
    ("process", Lifetime::Process),
    ("last-user", Lifetime::LastUser),
    ("until-removed", Lifetime::UntilRemoved),
    ("durable", Lifetime::Durable),
];

const ADVICE: [(&str, Advice); 13] = [
    ("normal", Advice::Normal),
    ("random", Advice::Random),
    ("sequential", Advice::Sequential),
    ("will-need", Advice::WillNeed),
    ("dont-need", Advice::DontNeed),
    ("cold", Advice::Cold),
    ("page-out", Advice::PageOut),
    ("huge-page", Advice::HugePage),
    ("no-huge-page", Advice::NoHugePage),
    ("populate-read", Advice::PopulateRead),
    ("populate-write", Advice::PopulateWrite),
    ("dont-dump", Advice::DontDump),
    ("do-dump", Advice::DoDump),
];

fn chosen<T: Copy>(what: &str, word: &str, choices: &[(&str, T)]) -> PyResult<T> {
    let found = choices.iter().find(|(name, _)| *name == word);
    found.map(|(_, choice)| *choice).ok_or_else(|| {
        let words: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        PyValueError::new_err(format!("`{word}` is no {what}; there are {}", words.join(", ")))
    })
}

/// A `shmfs.Lifetime`, which is a str.
pub(crate) fn lifetime(word: &str) -> PyResult<Lifetime> {
    chosen("lifetime", word, &LIFETIMES)
}

/// The `shmfs.Lifetime` for Python.
pub(crate) fn to_lifetime(py: Python<'_>, lifetime: Lifetime) -> PyResult<Bound<'_, PyAny>> {
    let word = LIFETIMES.iter().find(|(_, candidate)| *candidate == lifetime).map(|(word, _)| *word);
    py.import("shmfs._values")?.getattr("Lifetime")?.call1((word,))
}

/// A `shmfs.Advice`, which is a str.
pub(crate) fn advice(word: &str) -> PyResult<Advice> {
    chosen("advice", word, &ADVICE)
}

/// The `shmfs.Seals` for Python.
pub(crate) fn to_seals(py: Python<'_>, bits: u32) -> PyResult<Bound<'_, PyAny>> {
    py.import("shmfs._values")?.getattr("Seals")?.call1((bits,))
}

/// `size` bytes from `offset` on, or all that follow in something of `len` bytes.
pub(crate) fn range(offset: u64, size: Option<u64>, len: u64) -> Range<u64> {
    let end = size.map_or_else(|| len.max(offset), |size| offset.saturating_add(size));
    offset..end
}

/// The same, of memory.
pub(crate) fn span(offset: usize, size: Option<usize>, len: usize) -> Range<usize> {
    let end = size.map_or_else(|| len.max(offset), |size| offset.saturating_add(size));
    offset..end
}

/// The bytes of anything that has the buffer protocol.
pub(crate) fn bytes(data: &Bound<'_, PyAny>) -> Answer<Vec<u8>> {
    let view = pyo3::types::PyMemoryView::from(data)?;
    Ok(view.call_method0("tobytes")?.extract()?)
}
