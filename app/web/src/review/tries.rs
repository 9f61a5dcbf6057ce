//! How often a PIN may be tried.
//!
//! Three counts, so that guessing is slow and yet nobody locks a nurse out for good: each address
//! waits longer after each wrong PIN; all addresses that guess share a slow supply of tries;
//! and addresses without a mistake have a supply of their own. A browser in which a reviewer
//! logged in before is counted by itself and waits for nobody else.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use crate::cookie::Token;
use crate::limits::{
    KNOWN_BROWSERS_MAX, PIN_ADDRESSES_MAX, PIN_FORGET, PIN_TRIES_ALL, PIN_TRIES_FREE,
    PIN_TRIES_FRESH, PIN_TRY_EACH, PIN_TRY_FRESH_EACH, PIN_WAIT_MAX, PIN_WAIT_MIN,
};

/// Whose tries are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Trier {
    /// Whoever is at this address.
    Address(IpAddr),
    /// A browser in which a reviewer logged in before.
    Known(Token),
}

#[derive(Debug, Clone, Copy)]
struct Wrong {
    count: u32,
    last: Duration,
}

/// A supply that fills up again, one each `each`.
#[derive(Debug)]
struct Supply {
    most: u32,
    each: Duration,
    left: u32,
    counted: Duration,
}

impl Supply {
    fn new(most: u32, each: Duration) -> Self {
        Self { most, each, left: most, counted: Duration::ZERO }
    }

    /// Takes one, or says how long until there is one.
    fn take(&mut self, now: Duration) -> Result<(), Duration> {
        let gained = now.saturating_sub(self.counted).as_millis() / self.each.as_millis();
        let gained = u32::try_from(gained).unwrap_or(u32::MAX);
        if self.left.saturating_add(gained) >= self.most {
            (self.left, self.counted) = (self.most, now);
        } else {
            self.left += gained;
            self.counted += self.each * gained;
        }
        if self.left == 0 {
            return Err((self.counted + self.each).saturating_sub(now));
        }
        self.left -= 1;
        Ok(())
    }

    fn give_back(&mut self) {
        self.left = (self.left + 1).min(self.most);
    }
}

/// All counts of one box.
#[derive(Debug)]
pub(crate) struct Tries {
    wrong: HashMap<Trier, Wrong>,
    guessers: Supply,
    fresh: Supply,
    known: Vec<Token>,
}

impl Default for Tries {
    fn default() -> Self {
        Self {
            wrong: HashMap::new(),
            guessers: Supply::new(PIN_TRIES_ALL, PIN_TRY_EACH),
            fresh: Supply::new(PIN_TRIES_FRESH, PIN_TRY_FRESH_EACH),
            known: Vec::new(),
        }
    }
}

impl Tries {
    /// Who tries: a browser that is known, else the address. Addresses of IPv6 count by their first
    /// 64 bits, since one device has all of the rest.
    pub(crate) fn trier(&self, known: Option<Token>, peer: IpAddr) -> Trier {
        match known.filter(|token| self.known.contains(token)) {
            Some(token) => Trier::Known(token),
            None => Trier::Address(match peer.to_canonical() {
                IpAddr::V6(address) => {
                    let network = u128::from(address) & !u128::from(u64::MAX);
                    Ipv6Addr::from(network).into()
                }
                address => address,
            }),
        }
    }

    /// Counts a try before it is made, as if it were wrong; else says how long to wait.
    pub(crate) fn begin(&mut self, trier: Trier, now: Duration) -> Result<(), Duration> {
        let before = self.wrong.get(&trier).filter(|w| now.saturating_sub(w.last) < PIN_FORGET);
        let count = before.map_or(0, |wrong| wrong.count);
        if let Some(wrong) = before {
            let ends = wrong.last + wait_after(wrong.count);
            if ends > now {
                return Err(ends - now);
            }
        }
        match trier {
            Trier::Known(_) => {}
            Trier::Address(_) if count == 0 => self.fresh.take(now)?,
            Trier::Address(_) => self.guessers.take(now)?,
        }
        if !self.wrong.contains_key(&trier)
            && self.wrong.len() >= PIN_ADDRESSES_MAX
            && let Some(oldest) = self.wrong.iter().min_by_key(|(_, w)| w.last).map(|(who, _)| *who)
        {
            self.wrong.remove(&oldest);
        }
        self.wrong.insert(trier, Wrong { count: count.saturating_add(1), last: now });
        Ok(())
    }

    /// The PIN was right: the trier's mistakes are forgotten, and the browser is known from now on
    /// by the token that is given back, if there is randomness for one.
    pub(crate) fn was_right(&mut self, trier: Trier) -> Option<Token> {
        let wrong = self.wrong.remove(&trier);
        if let Trier::Known(token) = trier {
            return Some(token);
        }
        if wrong.is_none_or(|wrong| wrong.count <= 1) {
            self.fresh.give_back();
        } else {
            self.guessers.give_back();
        }
        let token = Token::fresh()?;
        if self.known.len() >= KNOWN_BROWSERS_MAX {
            self.known.remove(0);
        }
        self.known.push(token);
        Some(token)
    }
}

/// How long to wait after that many wrong PINs.
fn wait_after(count: u32) -> Duration {
    match count.checked_sub(PIN_TRIES_FREE) {
        None => Duration::ZERO,
        Some(beyond) => {
            let factor = 2_u32.saturating_pow(beyond);
            PIN_WAIT_MIN.saturating_mul(factor).min(PIN_WAIT_MAX)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(address: [u8; 4]) -> Trier {
        Trier::Address(address.into())
    }

    /// Tries as often as it may for that long; gives how often that was.
    fn guesses(tries: &mut Tries, triers: &[Trier], start: Duration, time: Duration) -> usize {
        let mut count = 0;
        for second in (0..time.as_secs()).step_by(5) {
            for trier in triers {
                let now = start + Duration::from_secs(second);
                count += usize::from(tries.begin(*trier, now).is_ok());
            }
        }
        count
    }

    #[test]
    fn one_address_waits_longer_each_time_but_not_for_ever() {
        let mut tries = Tries::default();
        let one = at([10, 0, 0, 2]);
        let mut now = Duration::ZERO;
        for _ in 0..PIN_TRIES_FREE {
            assert_eq!(tries.begin(one, now), Ok(()));
        }
        let mut last = Duration::ZERO;
        for _ in 0..12 {
            let wait = tries.begin(one, now).unwrap_err();
            assert!(wait >= last && wait <= PIN_WAIT_MAX);
            (last, now) = (wait, now + wait);
            assert_eq!(tries.begin(one, now), Ok(()));
        }
        assert_eq!(last, PIN_WAIT_MAX);
        assert_eq!(tries.begin(one, now + PIN_FORGET), Ok(()));
        assert_eq!(tries.begin(one, now + PIN_FORGET), Ok(()));
    }

    #[test]
    fn many_addresses_together_are_slow() {
        let mut tries = Tries::default();
        let hour = Duration::from_secs(3600);
        let crowd: Vec<Trier> = (0..250).map(|n| at([10, 0, 0, n])).collect();
        let count = guesses(&mut tries, &crowd, Duration::ZERO, 8 * hour);
        assert!(count < 8 * 310, "{count} tries in eight hours");
    }

    #[test]
    fn a_nurse_gets_in_while_a_crowd_guesses() {
        let mut tries = Tries::default();
        let nurse = at([10, 0, 0, 200]);
        assert_eq!(tries.begin(nurse, Duration::ZERO), Ok(()));
        let known = Trier::Known(tries.was_right(nurse).unwrap());
        let crowd: Vec<Trier> = (0..200).map(|n| at([10, 0, 0, n])).collect();
        let time = Duration::from_secs(1800);
        guesses(&mut tries, &crowd, Duration::ZERO, time);
        assert_eq!(tries.begin(known, time), Ok(()), "her own browser waits for nobody");

        // A crowd that has made its mistakes leaves the supply for newcomers alone.
        guesses(&mut tries, &crowd[..20], time, time);
        assert_eq!(tries.begin(nurse, 2 * time), Ok(()));
    }

    #[test]
    fn known_browsers_are_those_that_we_named() {
        let mut tries = Tries::default();
        let peer = IpAddr::from([10, 0, 0, 2]);
        let stranger = Token::fresh();
        assert_eq!(tries.trier(stranger, peer), Trier::Address(peer));
        let token = tries.was_right(Trier::Address(peer));
        assert_eq!(tries.trier(token, peer), Trier::Known(token.unwrap()));
        let (one, other): (IpAddr, IpAddr) =
            ("fd00::1:2:3:4".parse().unwrap(), "fd00::9:9:9:9".parse().unwrap());
        assert_eq!(tries.trier(None, one), tries.trier(None, other));
        let mapped: IpAddr = "::ffff:10.0.0.2".parse().unwrap();
        assert_eq!(tries.trier(None, mapped), Trier::Address(peer));
    }

    #[test]
    fn memory_is_bounded() {
        let mut tries = Tries::default();
        for n in 0..5000_u64 {
            let now = Duration::from_secs(n * 60);
            let address = u32::try_from(n).unwrap().to_be_bytes();
            let _ = tries.begin(at(address), now);
            tries.was_right(at([9, 9, 9, 9]));
        }
        assert!(tries.wrong.len() <= PIN_ADDRESSES_MAX);
        assert!(tries.known.len() <= KNOWN_BROWSERS_MAX);
    }

    proptest! {
        #[test]
        fn waits_are_never_longer_than_said(
            steps in prop::collection::vec((0_u8..4, 0_u64..1000), 0..200),
        ) {
            let mut tries = Tries::default();
            let mut now = Duration::ZERO;
            for (who, seconds) in steps {
                now += Duration::from_secs(seconds);
                if let Err(wait) = tries.begin(at([10, 0, 0, who]), now) {
                    prop_assert!(wait <= PIN_WAIT_MAX && wait > Duration::ZERO);
                }
            }
        }
    }
}
