//! Writes server-sent events.

/// Appends a frame without a name: `data: DATA` and a blank line.
pub fn write_data(out: &mut Vec<u8>, data: &[u8]) {
    out.reserve(data.len() + 8);
    let mut rest = data;
    // A line end inside the data starts another `data:` line; JSON on one line has none.
    while let Some(at) = memchr::memchr2(b'\n', b'\r', rest) {
        let (line, end) = rest.split_at(at);
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(line);
        out.push(b'\n');
        let skip = if end.starts_with(b"\r\n") { 2 } else { 1 };
        rest = end.get(skip..).unwrap_or_default();
    }
    out.extend_from_slice(b"data: ");
    out.extend_from_slice(rest);
    out.extend_from_slice(b"\n\n");
}

/// Appends a frame with a name: `event: NAME`, `data: DATA` and a blank line.
pub fn write_event(out: &mut Vec<u8>, name: &str, data: &[u8]) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(name.as_bytes());
    out.push(b'\n');
    write_data(out, data);
}
