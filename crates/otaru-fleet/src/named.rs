//! Values of a short list, each with a name for the API, the database and the command line: one spelling for all three.

/// Makes an enum whose values have names, and the error for a text that is none of them.
macro_rules! named {
    (
        $(#[$meta:meta])*
        pub enum $name:ident {
            $($(#[$value_meta:meta])* $value:ident = $text:literal,)+
        }
        $(#[$error_meta:meta])*
        else $error:ident($message:literal)
    ) => {
        $(#[$meta])*
        #[derive(serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$value_meta])* #[serde(rename = $text)] $value,)+
        }

        $(#[$error_meta])*
        #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
        #[error($message)]
        pub struct $error(pub String);

        impl $name {
            /// Every value there is, in order.
            pub const ALL: [$name; [$($text),+].len()] = [$($name::$value),+];

            /// Its name, as in the API, the database and on the command line.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $($name::$value => $text,)+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $error;

            fn from_str(text: &str) -> Result<Self, $error> {
                // A stranger's text is not repeated at any length.
                let unknown = || $error(text.chars().take(32).collect());
                $name::ALL.into_iter().find(|value| value.as_str() == text).ok_or_else(unknown)
            }
        }
    };
}

pub(crate) use named;

#[cfg(test)]
mod tests {
    use crate::{ConfigState, Dialect, Over, Policy, Registrants, TaskState};

    #[test]
    fn every_value_is_found_by_its_name_and_is_written_by_it() {
        macro_rules! check {
            ($($name:ty),+) => {$(
                for value in <$name>::ALL {
                    assert_eq!(value.as_str().parse(), Ok(value));
                    assert_eq!(value.to_string(), value.as_str());
                    let json = format!("\"{value}\"");
                    assert_eq!(serde_json::to_string(&value).unwrap(), json);
                    assert_eq!(serde_json::from_str::<$name>(&json).unwrap(), value);
                }
                let long = "x".repeat(5000).parse::<$name>().unwrap_err();
                assert!(long.to_string().len() < 200, "{long}");
            )+};
        }
        check!(ConfigState, Dialect, Over, Policy, Registrants, TaskState);
    }
}
