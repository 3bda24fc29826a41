//! What a parser's complaint means to the person who wrote the file. Parsers
//! speak of tokens; people see lines, quotes and brackets.

use granit_parser::ErrorKind;

/// What to look for, where that is not plain from the complaint itself.
pub(super) fn advice(complaint: &ErrorKind) -> Option<&'static str> {
    Some(match complaint {
        ErrorKind::ExpectedBlockMappingKey
        | ErrorKind::ExpectedBlockSequenceEntry
        | ErrorKind::InvalidIndentation => {
            "this line begins further left or right than those that it belongs to"
        }
        ErrorKind::MappingValueNotAllowed => {
            "it begins further right than its neighbours, or a text with `: ` in it lacks its quotes"
        }
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabInPlainScalar => "put spaces in place of the tab",
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => {
            "a key is followed by `:` and a space, on one line"
        }
        ErrorKind::ExpectedFlowMappingSeparator
        | ErrorKind::ExpectedFlowSequenceSeparator
        | ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::UnexpectedEofFlowSequence
        | ErrorKind::InvalidColonPlacement
        | ErrorKind::UnclosedFlowCollection { .. } => {
            "a `,`, `}` or `]` is missing before this place; a text with one of them in it stands in quotes: `\"${env:NAME}\"`"
        }
        ErrorKind::MissingAnchorOrAliasName | ErrorKind::UnknownAnchor => {
            "a text that begins with `*` or `&` stands in quotes: `\"*\"`"
        }
        ErrorKind::UnexpectedCharacter { .. } => "a text that begins with this character stands in quotes",
        ErrorKind::UnclosedQuotedScalar | ErrorKind::InvalidQuotedScalarIndent => {
            "a quote that begins here or before has no end"
        }
        ErrorKind::UnknownQuotedScalarEscape => {
            "in double quotes `\\` begins an escape: write it twice, or take single quotes"
        }
        _ => return None,
    })
}
