//! Digits that survive a double click: 0-9, A-Z, a-z.

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The last `WIDTH` digits of the bytes, read as one big-endian number. That is all of it when `WIDTH` digits
/// hold it.
pub(super) fn encode<const WIDTH: usize>(bytes: &[u8]) -> String {
    let mut number = bytes.to_vec();
    let mut digits = [0; WIDTH];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[usize::from(divide_by_62(&mut number))];
    }
    digits.map(char::from).iter().collect()
}

/// Long division, a byte at a time; gives the remainder.
fn divide_by_62(number: &mut [u8]) -> u8 {
    let remainder = number.iter_mut().fold(0, |remainder, byte| {
        let part = remainder << 8 | u16::from(*byte);
        *byte = u8::try_from(part / 62).expect("the remainder before was less than 62");
        part % 62
    });
    u8::try_from(remainder).expect("a remainder is less than 62")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode(text: &str) -> u128 {
        text.bytes().fold(0, |number, byte| {
            number * 62 + DIGITS.iter().position(|digit| *digit == byte).unwrap() as u128
        })
    }

    proptest! {
        #[test]
        fn a_number_that_fits_is_kept(number in any::<[u8; 15]>()) {
            let mut padded = [0; 16];
            padded[1..].copy_from_slice(&number);
            prop_assert_eq!(decode(&encode::<21>(&number)), u128::from_be_bytes(padded));
        }

        #[test]
        fn of_a_longer_number_the_last_digits_are_kept(number in any::<[u8; 16]>()) {
            prop_assert_eq!(decode(&encode::<16>(&number)), u128::from_be_bytes(number) % 62_u128.pow(16));
        }
    }

    #[test]
    fn the_widths_hold_the_largest_values() {
        assert_eq!(encode::<7>(&[0xff; 4]), "04gfFC3");
        assert_eq!(
            encode::<44>(&[0xff; 32]),
            "0yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp1"
        );
    }
}
