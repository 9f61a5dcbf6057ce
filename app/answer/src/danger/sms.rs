//! What fits into one short message: the default alphabet of 3GPP TS 23.038, clause 6.2.1.

/// The letters of the basic table beside ASCII letters, digits and the signs below.
const ACCENTED: &str = "£¥èéùìòÇØøÅåÆæßÉÄÖÑÜ§¿äöñüàΔ_ΦΓΛΩΠΨΣΘΞ¤¡";

/// ASCII signs of the basic table.
const SIGNS: &str = "@$ !\"#%&'()*+,-./:;<=>?\n\r";

/// Whether a character is in the basic table, so that it takes one septet.
fn is_basic(c: char) -> bool {
    c.is_ascii_alphanumeric() || SIGNS.contains(c) || ACCENTED.contains(c)
}

/// Septets of a text in the basic table, or the first character that is not in it.
pub(super) fn septets(text: &str) -> Result<usize, char> {
    match text.chars().find(|c| !is_basic(*c)) {
        Some(c) => Err(c),
        None => Ok(text.chars().count()),
    }
}

#[cfg(test)]
mod tests {
    use super::septets;

    #[test]
    fn the_table_is_that_of_the_standard() {
        assert_eq!(septets("Allez à l'hopital, è é ù ò!"), Ok(27));
        for outside in ['ê', 'ç', 'ô', '’', '[', '{', '€', '—'] {
            assert_eq!(septets(&format!("a{outside}")), Err(outside));
        }
    }
}
