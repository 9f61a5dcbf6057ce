//! Everything that can go wrong between a person and the box, each with its HTTP status and the
//! sentence that says what to do next.

use answer::desk::AskError;

use crate::form::FormError;
use crate::head::HeadError;
use crate::words::Words;

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// A question without words.
    Empty,
    /// A question longer than the desk takes.
    TooLong { length: usize, limit: usize },
    /// The queue is full.
    Busy { waiting: usize },
    /// This person has enough questions in the queue.
    TooManyOfYours { waiting: usize },
    /// The journal cannot be written.
    NotKept,
    /// The box could not do what it was asked to.
    NotDone,
    /// A form of the review desk that is not from its pages.
    NotOurForm,
    /// A passage that is not on the box.
    NoSuchSource,
    /// A form that broke on its way.
    BrokenForm,
    /// A body that is no form.
    NotAForm,
    /// A body beyond [`crate::limits::BODY_BYTES_MAX`].
    BodyTooLong,
    /// An answer code that nobody was given.
    NoSuchCode,
    /// An address without a page.
    NoSuchPage,
    /// A page used the wrong way.
    WrongMethod { allow: &'static str },
    /// Bytes that are not a request.
    Malformed,
    /// HTTP of another age.
    Version,
    /// A head beyond [`crate::limits::HEAD_BYTES_MAX`].
    HeadTooLong,
    /// A body of unknown length.
    LengthUnknown,
    /// A request that did not arrive in time.
    TooSlow,
    /// All connections are taken.
    NoSeat,
    /// All streams are taken.
    NoStream,
    /// A panic.
    OurFault,
}

impl Trouble {
    /// The HTTP status.
    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::Empty | Self::BrokenForm | Self::Malformed => 400,
            Self::NotOurForm => 403,
            Self::NoSuchCode | Self::NoSuchSource | Self::NoSuchPage => 404,
            Self::WrongMethod { .. } => 405,
            Self::TooSlow => 408,
            Self::LengthUnknown => 411,
            Self::TooLong { .. } | Self::BodyTooLong => 413,
            Self::NotAForm => 415,
            Self::TooManyOfYours { .. } => 429,
            Self::HeadTooLong => 431,
            Self::OurFault => 500,
            Self::Busy { .. } | Self::NotKept | Self::NotDone | Self::NoSeat | Self::NoStream => {
                503
            }
            Self::Version => 505,
        }
    }

    /// What the person reads.
    pub(crate) fn sentence(&self, words: &Words) -> String {
        match self {
            Self::Empty => words.empty,
            Self::TooLong { length, limit } => return (words.too_long)(*length, *limit),
            Self::Busy { waiting } => return (words.busy)(*waiting),
            Self::TooManyOfYours { waiting } => return (words.too_many_of_yours)(*waiting),
            Self::NotKept => words.not_kept,
            Self::NotDone => words.not_done,
            Self::NotOurForm => words.not_our_form,
            Self::NoSuchSource => words.no_such_source,
            Self::BrokenForm => words.broken_form,
            Self::NotAForm => words.not_a_form,
            Self::BodyTooLong => words.body_too_long,
            Self::NoSuchCode => words.no_such_code,
            Self::NoSuchPage => words.no_such_page,
            Self::WrongMethod { .. } => words.wrong_method,
            Self::Malformed | Self::Version | Self::HeadTooLong => words.malformed,
            Self::LengthUnknown => words.length_unknown,
            Self::TooSlow => words.too_slow,
            Self::NoSeat => words.no_seat,
            Self::NoStream => words.no_stream,
            Self::OurFault => words.our_fault,
        }
        .to_owned()
    }

    /// True if the same request may work in a minute.
    pub(crate) fn passes(&self) -> bool {
        matches!(
            self,
            Self::Busy { .. } | Self::TooManyOfYours { .. } | Self::NoSeat | Self::NoStream
        )
    }

    /// True if the person has a question in the form that should not be typed again.
    pub(crate) fn keeps_question(&self) -> bool {
        matches!(
            self,
            Self::Empty
                | Self::TooLong { .. }
                | Self::Busy { .. }
                | Self::TooManyOfYours { .. }
                | Self::NotKept
        )
    }
}

impl From<AskError> for Trouble {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Empty => Self::Empty,
            AskError::TooLong { length, limit } => Self::TooLong { length, limit },
            AskError::Busy { waiting } => Self::Busy { waiting },
            AskError::TooManyOfYours { waiting } => Self::TooManyOfYours { waiting },
            // What the system said is for the log of the box, not for a phone.
            AskError::NotKept(_) => Self::NotKept,
            _ => Self::OurFault,
        }
    }
}

impl From<FormError> for Trouble {
    fn from(error: FormError) -> Self {
        match error {
            FormError::BrokenEscape | FormError::NotUtf8 => Self::BrokenForm,
            FormError::TooManyFields => Self::NotAForm,
        }
    }
}

impl From<HeadError> for Trouble {
    fn from(error: HeadError) -> Self {
        match error {
            HeadError::Malformed => Self::Malformed,
            HeadError::Version => Self::Version,
            HeadError::LengthUnknown => Self::LengthUnknown,
        }
    }
}
