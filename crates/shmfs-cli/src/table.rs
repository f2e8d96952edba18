//! Tables for people: columns as wide as their content, no colour, the last column free.

/// Which side a column's text keeps to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Left,
    Right,
}

/// Lines of a table under `heads`, two spaces between columns; each line ends at `width` when one is given.
pub(crate) fn lines<const N: usize>(
    heads: [(&str, Side); N],
    rows: &[[String; N]],
    width: Option<usize>,
) -> Vec<String> {
    let mut widths = heads.map(|(head, _)| head.len());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let head = heads.map(|(head, _)| head.to_owned());
    let sides = heads.map(|(_, side)| side);
    std::iter::once(&head).chain(rows).map(|row| clip(line(row, &sides, &widths), width)).collect()
}

fn line<const N: usize>(row: &[String; N], sides: &[Side; N], widths: &[usize; N]) -> String {
    let mut line = String::new();
    for (i, cell) in row.iter().enumerate() {
        if i > 0 {
            line.push_str("  ");
        }
        let padding = " ".repeat(widths[i].saturating_sub(cell.chars().count()));
        match sides[i] {
            Side::Left => line.extend([cell, padding.as_str()]),
            Side::Right => line.extend([padding.as_str(), cell]),
        }
    }
    line.truncate(line.trim_end().len());
    line
}

/// Cut to `width` with a mark at the end.
fn clip(line: String, width: Option<usize>) -> String {
    match width {
        Some(width) if line.chars().count() > width => {
            line.chars().take(width.saturating_sub(1)).chain(['…']).collect()
        }
        _ => line,
    }
}

/// The terminal's width when standard output is one; a file or a pipe gets whole lines.
pub(crate) fn terminal_width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    Some(if size.ws_col == 0 { 80 } else { usize::from(size.ws_col) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_and_lines_end_at_the_width() {
        let heads = [("KIND", Side::Left), ("SIZE", Side::Right), ("NAME", Side::Left)];
        let rows = [
            ["segment", "1.0G", "id 1"].map(String::from),
            ["x", "64", "a name that is long"].map(String::from),
        ];
        let expected = ["KIND     SIZE  NAME", "segment  1.0G  id 1", "x          64  a nam…"];
        assert_eq!(lines(heads, &rows, Some(21)), expected);
    }
}
