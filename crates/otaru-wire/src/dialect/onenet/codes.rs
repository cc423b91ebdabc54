//! Reply codes: one name for each meaning, and its number in each generation (onenet §4.1).

use super::Generation;

macro_rules! refusals {
    ($($name:ident $token:literal $tid:literal $fuse:literal $text:literal $meaning:literal;)*) => {
        /// Why a platform does not do what it is asked: `errno` of the first two generations, `code` of the third.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Refusal {
            $(#[doc = concat!(stringify!($token), ", ", stringify!($tid), ", ", stringify!($fuse), ": ", $meaning, ".")]
            $name,)*
            /// A number that has no meaning here; 0 never is.
            Other(u32),
        }

        impl Refusal {
            /// Every refusal that has a meaning.
            pub const ALL: &[Refusal] = &[$(Refusal::$name),*];

            /// Its number in that generation.
            pub fn number(self, generation: Generation) -> u32 {
                let [token, tid, fuse] = match self {
                    $(Refusal::$name => [$token, $tid, $fuse],)*
                    Refusal::Other(number) => [number; 3],
                };
                match generation {
                    Generation::Token => token,
                    Generation::Tid => tid,
                    Generation::Fuse => fuse,
                }
            }

            /// The text beside the number, for people. `not exist`, `task succ` and `task finish` are the vendor's own.
            pub fn text(self) -> &'static str {
                match self {
                    $(Refusal::$name => $text,)*
                    Refusal::Other(_) => "refused",
                }
            }

            /// What it tells, for people.
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Refusal::$name => $meaning,)*
                    Refusal::Other(_) => "a code that the sheet does not have",
                }
            }
        }
    };
}

// Where two have one number in a generation, the first is what the number is read as.
refusals! {
    NoTask 11 10 12012 "not exist" "there is no Task of that type for this version";
    AlreadyThere 11 10 12013 "task succ" "the device already runs the target version";
    NotAuthentic 1 1 10403 "authentication failed" "the device is unknown, or its authorization does not hold";
    BadParameter 2 2 2 "bad parameter" "a parameter is missing or malformed";
    ForeignTask 4 4 4 "not a task of this device" "the token or tid is none of this device's";
    Internal 7 7 7 "internal error" "the platform failed";
    OtherModel 8 8 8 "other manuf or model" "a Task exists for other hardware; it fails";
    OtherBase 9 9 9 "other base version" "a differential Task exists for another version; it fails";
    Expired 12 12 12 "token expired" "the token expired; the procedure is over";
    NoState 13 13 13 "invalid task state" "a Task exists, but its state is invalid (older documents)";
    OldToken 15 15 15 "not the newest token" "a newer token was given (older documents)";
    NotOpen 17 17 17 "task neither waiting nor downloading" "the Task is neither waiting nor downloading";
    WrongToken 18 18 18 "wrong token" "the token is wrong (older documents)";
    Paused 19 19 19 "task paused" "the Task is paused; ask again later (older documents)";
    Finished 20 20 20 "task finish" "the Task is already over";
    NotNow 21 21 21 "not valid now" "the Task's state does not allow that";
    Canceled 22 22 22 "task canceled" "the Task is canceled; no failure is to be reported";
    OtherDevice 23 23 23 "token of another device" "token and device do not match (older documents; newer ones say 4)";
    BadResult 24 24 24 "malformed result" "the result is malformed";
    BadVersion 27 27 27 "malformed version" "the version's text is malformed";
    NoDelta 32 32 32 "no matching package" "a Task exists, but no differential package for this version";
    Quota 5116 5116 5116 "quota exhausted" "no licence is left for another device";
}

impl Refusal {
    /// What that number means in that generation; none for 0, which is success.
    pub fn from_number(generation: Generation, number: u32) -> Option<Self> {
        let known = Self::ALL.iter().copied().find(|known| known.number(generation) == number);
        known.or((number != 0).then_some(Refusal::Other(number)))
    }

    /// True if there is simply nothing to do: no fault, and asked again at the usual pace.
    pub fn is_no_task(self) -> bool {
        matches!(self, Refusal::NoTask | Refusal::AlreadyThere)
    }

    /// True if the Task is over for this device: it drops what it has, and reports nothing.
    pub fn ends_task(self) -> bool {
        matches!(
            self,
            Refusal::Expired
                | Refusal::Finished
                | Refusal::Canceled
                | Refusal::ForeignTask
                | Refusal::OtherDevice
        )
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Source: onenet §4.1; both vendor SDKs have their number for no Task in their code.
    #[test]
    fn no_task_is_11_then_10_then_12012() {
        let numbers = Generation::ALL.map(|generation| Refusal::NoTask.number(generation));
        assert_eq!(numbers, [11, 10, 12012]);
        for generation in Generation::ALL {
            assert!(
                Refusal::from_number(generation, Refusal::NoTask.number(generation)).unwrap().is_no_task()
            );
            assert!(
                Refusal::from_number(generation, 12012).is_some_and(Refusal::is_no_task)
                    == (generation == Generation::Fuse)
            );
        }
        assert_eq!(Refusal::from_number(Generation::Fuse, 12013), Some(Refusal::AlreadyThere));
    }

    /// Sources: onenet §4.1, §7.1 (the macros of the C reference).
    #[test]
    fn every_number_of_the_c_reference_has_its_meaning() {
        for (number, want) in [
            (1, Refusal::NotAuthentic),
            (2, Refusal::BadParameter),
            (4, Refusal::ForeignTask),
            (7, Refusal::Internal),
            (8, Refusal::OtherModel),
            (9, Refusal::OtherBase),
            (11, Refusal::NoTask),
            (12, Refusal::Expired),
            (17, Refusal::NotOpen),
            (20, Refusal::Finished),
            (21, Refusal::NotNow),
            (22, Refusal::Canceled),
            (27, Refusal::BadVersion),
        ] {
            assert_eq!(Refusal::from_number(Generation::Token, number), Some(want));
        }
        assert_eq!(Refusal::from_number(Generation::Fuse, 10403), Some(Refusal::NotAuthentic));
        assert_eq!(Refusal::from_number(Generation::Tid, 5116), Some(Refusal::Quota));
    }

    #[test]
    fn success_is_no_refusal_and_no_refusal_is_sent_as_success() {
        for generation in Generation::ALL {
            assert_eq!(Refusal::from_number(generation, 0), None);
            for refusal in Refusal::ALL {
                assert_ne!(refusal.number(generation), 0);
                assert!(refusal.text().len() <= 40 && refusal.text().is_ascii());
            }
        }
    }

    /// Sources: onenet §4.1, §6 (the last column): over, canceled, or of another device.
    #[test]
    fn a_device_drops_its_task_for_these_numbers_only() {
        let ends = (1..40).filter(|number| {
            Refusal::from_number(Generation::Token, *number).is_some_and(Refusal::ends_task)
        });
        assert_eq!(ends.collect::<std::vec::Vec<_>>(), [4, 12, 20, 22, 23]);
    }

    proptest! {
        #[test]
        fn every_number_comes_back(number in prop_oneof![0..40_u32, 5000..13000_u32, any::<u32>()]) {
            for generation in Generation::ALL {
                let back = Refusal::from_number(generation, number).map_or(0, |refusal| refusal.number(generation));
                prop_assert_eq!(back, number);
            }
        }
    }
}
