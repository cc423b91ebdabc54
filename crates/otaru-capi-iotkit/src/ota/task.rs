//! What is to be fetched and how far it is: the states of v3's updates, decided without I/O (aliyun-iotkit-v3 §3.2).

use otaru_wire::{Config, Digest, DigestMethod, Hasher, MessageId, Module, Notice, Source};

/// What a push is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Job {
    /// Firmware, of one file with a link.
    Firmware(Notice),
    /// A remote configuration, and the number of the push that wants an answer.
    Config(Config, Option<MessageId>),
}

/// Why a push is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dropped {
    /// Something else is being fetched.
    Busy,
    /// These bytes are here already, and good.
    Here,
    /// The interface has no words for it.
    NoWords(&'static str),
}

/// What became of a push that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It is the job now: the application hears of it.
    Pushed,
    /// It is what is being fetched already, with a fresh link.
    Renewed,
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Pushed,
    Fetching,
    /// All bytes were given; good or bad, once that was asked.
    Fetched {
        good: Option<bool>,
    },
}

/// The one task of a process, if there is one.
#[derive(Debug, Default)]
pub(crate) struct Task {
    current: Option<Current>,
    /// Counts jobs and resets, so that bytes of an older download go nowhere.
    generation: u64,
    /// Was there ever a push? The vendor's requests answer differently before the first.
    pub(crate) ever_pushed: bool,
}

#[derive(Debug)]
struct Current {
    job: Job,
    phase: Phase,
    fetched: u64,
    hasher: Hasher,
}

/// What a download needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) generation: u64,
    pub(crate) url: String,
    pub(crate) size: u64,
    /// The first byte that was not given yet.
    pub(crate) fetched: u64,
}

/// What bytes did to the task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// They are the first ones.
    First,
    /// More is to come.
    More,
    /// They are of another download: they do not count.
    Stale,
}

impl Job {
    pub(crate) fn size(&self) -> u64 {
        match self {
            Self::Firmware(notice) => notice.total_size(),
            Self::Config(config, _) => config.size,
        }
    }

    pub(crate) fn url(&self) -> &str {
        match self {
            Self::Config(config, _) => &config.url,
            Self::Firmware(notice) => match notice.files.first().map(|file| &file.source) {
                Some(Source::Http { url }) => url,
                _ => "",
            },
        }
    }

    /// What the bytes must hash to.
    fn digest(&self) -> Option<Digest> {
        match self {
            Self::Config(config, _) => Some(config.digest),
            Self::Firmware(notice) => notice.files.first().map(|file| file.digest),
        }
    }

    /// The image's MD5, if it was told.
    pub(crate) fn md5(&self) -> Option<Digest> {
        let Self::Firmware(notice) = self else { return None };
        let file = notice.files.first()?;
        [Some(file.digest), file.also]
            .into_iter()
            .flatten()
            .find(|digest| digest.method() == DigestMethod::Md5)
    }

    fn same(&self, other: &Job) -> bool {
        match (self, other) {
            (Self::Firmware(a), Self::Firmware(b)) => a.same_offer(b),
            (Self::Config(a, _), Self::Config(b, _)) => {
                (&a.id, a.size, a.digest) == (&b.id, b.size, b.digest)
            }
            _ => false,
        }
    }

    /// The interface tells a size in 32 bits, one file, and whole images.
    fn has_words(&self) -> Result<(), Dropped> {
        match self {
            _ if self.size() > u64::from(u32::MAX) => {
                Err(Dropped::NoWords("it has more bytes than 32 bits count"))
            }
            Self::Firmware(notice) if notice.files.len() != 1 => {
                Err(Dropped::NoWords("it has several files"))
            }
            Self::Firmware(notice) if notice.delta => {
                Err(Dropped::NoWords("it is a difference, not an image"))
            }
            _ if self.url().is_empty() => Err(Dropped::NoWords("it has no link")),
            _ => Ok(()),
        }
    }
}

impl Task {
    /// Takes a push, or says why not.
    pub(crate) fn push(&mut self, job: Job) -> Result<Taken, Dropped> {
        job.has_words()?;
        let method = job.digest().map_or(DigestMethod::Md5, |digest| digest.method());
        match &mut self.current {
            Some(Current { phase: Phase::Fetching, job: current, .. }) => {
                if !current.same(&job) {
                    return Err(Dropped::Busy);
                }
                *current = job;
                Ok(Taken::Renewed)
            }
            Some(Current { phase: Phase::Fetched { good: Some(true) }, job: current, .. })
                if current.same(&job) =>
            {
                Err(Dropped::Here)
            }
            _ => {
                self.generation += 1;
                self.ever_pushed = true;
                self.current =
                    Some(Current { job, phase: Phase::Pushed, fetched: 0, hasher: Hasher::new(method) });
                Ok(Taken::Pushed)
            }
        }
    }

    /// Begins the download, or goes on with it; none if there is nothing to fetch.
    pub(crate) fn fetch(&mut self) -> Option<Wanted> {
        let generation = self.generation;
        let current =
            self.current.as_mut().filter(|current| !matches!(current.phase, Phase::Fetched { .. }))?;
        current.phase = Phase::Fetching;
        let Current { job, fetched, .. } = current;
        Some(Wanted { generation, url: job.url().to_owned(), size: job.size(), fetched: *fetched })
    }

    /// Bytes were given to the application.
    pub(crate) fn given(&mut self, generation: u64, bytes: &[u8]) -> Step {
        let Some(current) = self.current.as_mut().filter(|_| generation == self.generation) else {
            return Step::Stale;
        };
        let first = current.fetched == 0;
        current.hasher.update(bytes);
        current.fetched += bytes.len() as u64;
        if current.fetched >= current.job.size() {
            current.phase = Phase::Fetched { good: None };
        }
        if first { Step::First } else { Step::More }
    }

    /// From a push until all bytes are there.
    pub(crate) fn is_fetching(&self) -> bool {
        matches!(self.phase(), Some(Phase::Pushed | Phase::Fetching))
    }

    /// All bytes are there.
    pub(crate) fn is_fetched(&self) -> bool {
        matches!(self.phase(), Some(Phase::Fetched { .. }))
    }

    fn phase(&self) -> Option<Phase> {
        self.current.as_ref().map(|current| current.phase)
    }

    /// Are the bytes what was announced? The flag tells whether it was asked for the first time. None before all bytes
    /// are there.
    pub(crate) fn check(&mut self) -> Option<(bool, bool)> {
        let current = self.current.as_mut()?;
        let Phase::Fetched { good: known } = current.phase else { return None };
        let good = Some(current.hasher.clone().finish()) == current.job.digest();
        current.phase = Phase::Fetched { good: Some(good) };
        Some((good, known.is_none()))
    }

    pub(crate) fn job(&self) -> Option<&Job> {
        self.current.as_ref().map(|current| &current.job)
    }

    /// The module that the job is of.
    pub(crate) fn module(&self) -> Option<&Module> {
        match self.job() {
            Some(Job::Firmware(notice)) => Some(&notice.module),
            _ => None,
        }
    }

    pub(crate) fn fetched(&self) -> u64 {
        self.current.as_ref().map_or(0, |current| current.fetched)
    }

    /// The next byte fetched is the first one.
    pub(crate) fn begin_anew(&mut self) {
        self.generation += 1;
        if let Some(current) = &mut self.current {
            let method = current.job.digest().map_or(DigestMethod::Md5, |digest| digest.method());
            current.hasher = Hasher::new(method);
            current.fetched = 0;
            current.phase = Phase::Pushed;
        }
    }

    /// There is no job any more.
    pub(crate) fn reset(&mut self) {
        self.generation += 1;
        self.current = None;
    }
}

#[cfg(test)]
mod tests;
