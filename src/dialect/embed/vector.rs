//! Vectors on the wire: lists of numbers, or base64 of little-endian 32-bit floats.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Number, Value};

/// The vector in either of its forms.
pub(super) fn decode(value: &Value) -> Option<Vec<f32>> {
    match value {
        Value::Array(list) => list.iter().map(number).collect(),
        Value::String(text) => {
            let bytes = STANDARD.decode(text).ok()?;
            let (floats, rest) = bytes.as_chunks::<4>();
            rest.is_empty().then(|| floats.iter().map(|float| f32::from_le_bytes(*float)).collect())
        }
        _ => None,
    }
}

/// The vectors in a list.
pub(super) fn decode_all(list: &Value) -> Option<Vec<Vec<f32>>> {
    list.as_array()?.iter().map(decode).collect()
}

#[expect(clippy::cast_possible_truncation, reason = "embeddings are 32-bit floats")]
fn number(value: &Value) -> Option<f32> {
    value.as_f64().map(|number| number as f32)
}

/// The vector as base64.
pub(super) fn to_base64(vector: &[f32]) -> Value {
    let bytes: Vec<u8> = vector.iter().flat_map(|float| float.to_le_bytes()).collect();
    Value::from(STANDARD.encode(bytes))
}

/// The vector as a list of numbers, each with no more digits than tell it apart.
pub(super) fn to_list(vector: &[f32]) -> Value {
    let exact = |float: &f32| float.to_string().parse::<f64>().ok().and_then(Number::from_f64);
    Value::Array(vector.iter().map(|float| exact(float).map_or(Value::Null, Value::Number)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_hold_the_same() {
        let vector = vec![0.1_f32, -2.5, 1e-7, 0.0];
        assert_eq!(decode(&to_base64(&vector)), Some(vector.clone()));
        assert_eq!(to_list(&vector).to_string(), "[0.1,-2.5,1e-7,0.0]");
        assert_eq!(decode(&to_list(&vector)), Some(vector));
        assert_eq!(decode(&Value::from("AAA=")), None);
    }
}
