//! Which devices may register themselves with their product's secret.
//!
//! One secret is in the flash of every device of a product, and the oldest SDKs sign a constant text with it: who has
//! heard one registration can send it again. So what guards a device's own secret is whether it is given at all.

use crate::named::named;

named! {
    /// The devices of a product that may register themselves.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub enum Registrants {
        /// None.
        #[default]
        Off = "off",
        /// Those that an operator made.
        Listed = "listed",
        /// Any that proves to know the product's secret; the platform makes it.
        Any = "any",
    }
    /// A text that names no registrants.
    else UnknownRegistrants("registration is off, listed or any, not {0:?}")
}

/// A product's rule for registration. Unless told otherwise nobody may register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RegistrationRule {
    /// Who may register.
    pub devices: Registrants,
    /// May a device register again that was seen? Needed by SDKs that never store their secret and so register at
    /// every boot; without it a secret is given only until the device's first login, as often as it asks.
    pub again: bool,
}

/// What is known of a device that asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// There is no such device.
    Unknown,
    /// An operator made it, or an earlier registration did; it never logged in.
    New,
    /// It logged in at least once.
    Seen,
}

/// What a device that may register is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Given {
    /// The secret that it has here.
    ItsSecret,
    /// A place on the platform, and the secret that comes with it.
    APlace,
}

/// Why a device may not register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotRegistered {
    /// Nobody may.
    #[error("registration is switched off for its product")]
    Off,
    /// Nobody made it.
    #[error("there is no such device, and only devices that an operator made may register")]
    Unlisted,
    /// It has its secret.
    #[error("it has logged in before, so it has its secret")]
    Seen,
}

impl RegistrationRule {
    /// What becomes of a device that proved to know its product's secret.
    ///
    /// # Errors
    /// [`NotRegistered`] tells why it is given nothing.
    pub fn decide(self, standing: Standing) -> Result<Given, NotRegistered> {
        match (self.devices, standing) {
            (Registrants::Off, _) => Err(NotRegistered::Off),
            (Registrants::Listed, Standing::Unknown) => Err(NotRegistered::Unlisted),
            (Registrants::Any, Standing::Unknown) => Ok(Given::APlace),
            (_, Standing::New) => Ok(Given::ItsSecret),
            (_, Standing::Seen) if self.again => Ok(Given::ItsSecret),
            (_, Standing::Seen) => Err(NotRegistered::Seen),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_registers_unless_it_is_switched_on() {
        for standing in [Standing::Unknown, Standing::New, Standing::Seen] {
            assert_eq!(RegistrationRule::default().decide(standing), Err(NotRegistered::Off));
        }
    }

    #[test]
    fn a_device_registers_as_often_as_it_must_until_it_was_seen_and_then_only_where_it_may_again() {
        for devices in [Registrants::Listed, Registrants::Any] {
            let once = RegistrationRule { devices, again: false };
            let ever = RegistrationRule { devices, again: true };
            assert_eq!(once.decide(Standing::New), Ok(Given::ItsSecret));
            assert_eq!(once.decide(Standing::Seen), Err(NotRegistered::Seen));
            assert_eq!(ever.decide(Standing::Seen), Ok(Given::ItsSecret));
        }
    }

    #[test]
    fn an_unknown_device_gets_a_place_only_where_any_may_register() {
        let rule = |devices| RegistrationRule { devices, again: true };
        assert_eq!(rule(Registrants::Listed).decide(Standing::Unknown), Err(NotRegistered::Unlisted));
        assert_eq!(rule(Registrants::Any).decide(Standing::Unknown), Ok(Given::APlace));
    }

    #[test]
    fn every_name_is_read_back() {
        for registrants in Registrants::ALL {
            assert_eq!(registrants.as_str().parse(), Ok(registrants));
        }
        assert!("On".parse::<Registrants>().is_err());
    }
}
