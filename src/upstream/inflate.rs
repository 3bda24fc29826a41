//! Compressed answers, unpacked piece by piece: a small piece that unfolds into
//! much is never unfolded at once, so that the cap of whoever reads holds.

use std::io::Write as _;

use bytes::{Buf as _, Bytes};
use flate2::write::MultiGzDecoder;
use http::{HeaderMap, header};

use crate::error::{Error, Result};

/// Compressed bytes that are unpacked in one go; at most a thousand times as much comes out.
const PIECE: usize = 1 << 10;

/// Unpacks one body.
pub(super) struct Inflate {
    decoder: MultiGzDecoder<Vec<u8>>,
    waiting: Bytes,
}

impl Inflate {
    /// What unpacks a body with these headers, none where it is not compressed. The
    /// headers then tell of the unpacked body.
    ///
    /// # Errors
    /// `InvalidResponse`: compressed in a way that was not asked for.
    pub(super) fn of(headers: &mut HeaderMap) -> Result<Option<Self>> {
        let Some(encoding) = headers.get(header::CONTENT_ENCODING) else { return Ok(None) };
        match encoding.as_bytes().to_ascii_lowercase().as_slice() {
            b"" | b"identity" => Ok(None),
            b"gzip" | b"x-gzip" => {
                headers.remove(header::CONTENT_ENCODING);
                headers.remove(header::CONTENT_LENGTH);
                let (decoder, waiting) = (MultiGzDecoder::new(Vec::new()), Bytes::new());
                Ok(Some(Self { decoder, waiting }))
            }
            _ => Err(Error::bad_answer("the provider compressed its answer in a way that was not asked for")),
        }
    }

    /// Takes the next compressed chunk; the one before must be used up.
    pub(super) fn push(&mut self, chunk: Bytes) {
        self.waiting = chunk;
    }

    /// Some unpacked bytes, none when more compressed ones are needed.
    ///
    /// # Errors
    /// `InvalidResponse`: not gzip.
    pub(super) fn pull(&mut self) -> Result<Option<Bytes>> {
        while !self.waiting.is_empty() {
            let piece = self.waiting.split_to(self.waiting.remaining().min(PIECE));
            self.decoder.write_all(&piece).and_then(|()| self.decoder.flush()).map_err(|_| corrupt())?;
            let out = std::mem::take(self.decoder.get_mut());
            if !out.is_empty() {
                return Ok(Some(out.into()));
            }
        }
        Ok(None)
    }

    /// The last unpacked bytes, at the end of the compressed ones.
    ///
    /// # Errors
    /// `InvalidResponse`: the end is missing.
    pub(super) fn end(&mut self) -> Result<Option<Bytes>> {
        self.decoder.try_finish().map_err(|_| corrupt())?;
        let out = std::mem::take(self.decoder.get_mut());
        Ok((!out.is_empty()).then(|| out.into()))
    }
}

fn corrupt() -> Error {
    Error::bad_answer("the provider's answer says that it is gzip and is not, or is cut short")
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use http::HeaderValue;

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn of(encoding: &'static str) -> Result<Option<Inflate>> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        Inflate::of(&mut headers)
    }

    fn unpack(packed: &[u8], size: usize) -> Result<Vec<u8>> {
        let mut inflate = of("gzip").unwrap().unwrap();
        let mut all = Vec::new();
        for chunk in packed.chunks(size) {
            inflate.push(Bytes::copy_from_slice(chunk));
            while let Some(out) = inflate.pull()? {
                all.extend_from_slice(&out);
            }
        }
        if let Some(out) = inflate.end()? {
            all.extend_from_slice(&out);
        }
        Ok(all)
    }

    #[test]
    fn an_answer_is_unpacked_however_it_is_cut() {
        let text = b"data: {\"content\":\"hello\"}\n\n".repeat(400);
        let packed = gzip(&text);
        for size in [1, 2, 7, 100, 100_000] {
            assert_eq!(unpack(&packed, size).unwrap(), text, "chunks of {size}");
        }
    }

    #[test]
    fn events_come_out_as_they_come_in() {
        let mut inflate = of("gzip").unwrap().unwrap();
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        for event in ["data: one\n\n", "data: two\n\n"] {
            encoder.write_all(event.as_bytes()).unwrap();
            encoder.flush().unwrap();
            inflate.push(Bytes::from(std::mem::take(encoder.get_mut())));
            let mut out = Vec::new();
            while let Some(more) = inflate.pull().unwrap() {
                out.extend_from_slice(&more);
            }
            assert_eq!(out, event.as_bytes());
        }
    }

    #[test]
    fn what_unfolds_into_much_unfolds_by_and_by() {
        let packed = gzip(&vec![b' '; 64 << 20]);
        let mut inflate = of("gzip").unwrap().unwrap();
        inflate.push(Bytes::from(packed));
        let (mut largest, mut all) = (0, 0);
        while let Some(out) = inflate.pull().unwrap() {
            (largest, all) = (largest.max(out.len()), all + out.len());
        }
        assert!(all > 60 << 20);
        assert!(largest < 2 << 20, "{largest} bytes at once");
    }

    #[test]
    fn what_is_no_gzip_is_told() {
        assert!(unpack(b"{\"a\":1}", 100).is_err());
        assert!(unpack(&gzip(&b"hello".repeat(40))[..20], 7).is_err());
        assert!(of("br").is_err());
        assert!(of("identity").unwrap().is_none());
    }
}
