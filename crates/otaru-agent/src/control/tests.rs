//! Orders over a real socket.

use std::sync::mpsc::{Receiver, channel};

use otaru_core::{Decision, Input};
use otaru_wire::Failure;

use super::*;
use crate::handle::Wake;

fn listening() -> (tempfile::TempDir, PathBuf, Control, Receiver<Wake>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("agent.sock");
    let (sender, mailbox) = channel();
    let control = Control::listen(&path, Handle { sender, device: None }).unwrap();
    (dir, path, control, mailbox)
}

#[test]
fn every_order_reaches_the_agent_as_it_was_meant() {
    let (_dir, path, _control, mailbox) = listening();
    let heard = |order: &str| {
        assert_eq!(tell(&path, order).unwrap(), Ok(()), "{order}");
        mailbox.recv().unwrap()
    };
    assert!(matches!(heard("accept"), Wake::Say(None, Input::Decision(Decision::Accept))));
    let hour = Duration::from_secs(3600);
    assert!(
        matches!(heard("postpone 3600"), Wake::Say(None, Input::Decision(Decision::Postpone(pause))) if pause == hour)
    );
    let reason = "not while the pump runs";
    assert!(
        matches!(heard(&format!("refuse {reason}")), Wake::Say(None, Input::Decision(Decision::Refuse(why))) if why == reason)
    );
    assert!(matches!(heard("cancel"), Wake::Say(None, Input::Cancel)));
    assert!(
        matches!(heard("ask-task mcu"), Wake::Say(None, Input::AskTask(module)) if module.as_str() == "mcu")
    );
    assert!(matches!(heard("ask-config"), Wake::Say(None, Input::AskConfig)));
    assert!(matches!(heard("stop"), Wake::Stop));
    let Wake::Say(None, Input::Report { module, step, description: text }) =
        heard("report mcu 40 erasing  block 7")
    else {
        panic!()
    };
    assert_eq!((module.as_str(), step, text.as_str()), ("mcu", Step::Percent(40), "erasing  block 7"));
    let Wake::Say(None, Input::Report { module, step, description: text }) = heard("report default -4")
    else {
        panic!()
    };
    assert!(module.is_default() && text.is_empty());
    assert_eq!(step, Step::Failed(Failure::Write));
}

#[test]
fn what_is_no_order_is_answered_with_what_is_wrong_and_changes_nothing() {
    let (_dir, path, _control, mailbox) = listening();
    for (order, named) in [
        ("", "no order"),
        ("reboot", "\"reboot\""),
        ("accept now", "takes nothing"),
        ("ask-task", "name of a module"),
        ("postpone", "seconds"),
        ("postpone 0", "seconds"),
        ("postpone -1", "seconds"),
        ("postpone 99999999999999999999", "seconds"),
        ("refuse", "a reason"),
        ("report", "a step"),
        ("report mcu", "a step"),
        ("report mcu 101", "a step"),
        ("report mcu -5", "a step"),
        ("report a/b 5", "a step"),
        (&"x".repeat(4096), "1024 bytes"),
    ] {
        let answer = tell(&path, order).unwrap();
        assert!(answer.as_ref().is_err_and(|why| why.contains(named)), "{order:?}: {answer:?}");
    }
    assert!(mailbox.try_recv().is_err());
}

#[test]
fn several_orders_may_come_on_one_connection_and_noise_ends_nothing() {
    let (_dir, path, _control, mailbox) = listening();
    let mut caller = UnixStream::connect(&path).unwrap();
    caller.write_all(b"\xff\xfe\0\ncancel\naccept\n").unwrap();
    caller.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answers = String::new();
    caller.read_to_string(&mut answers).unwrap();
    assert!(answers.starts_with("error: ") && answers.ends_with("\nok\nok\n"), "{answers}");
    assert!(matches!(mailbox.recv().unwrap(), Wake::Say(None, Input::Cancel)));
    assert_eq!(tell(&path, "cancel").unwrap(), Ok(()));
}

#[test]
fn the_socket_is_the_users_own_and_goes_with_the_agent() {
    let (_dir, path, control, _mailbox) = listening();
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    drop(control);
    assert!(!path.exists());
    assert!(tell(&path, "accept").is_err());
}

#[test]
fn a_socket_left_by_a_power_cut_is_replaced_and_a_file_is_not() {
    let (dir, path, control, _mailbox) = listening();
    std::mem::forget(control);
    let (sender, mailbox) = channel();
    let _again = Control::listen(&path, Handle { sender: sender.clone(), device: None }).unwrap();
    assert_eq!(tell(&path, "accept").unwrap(), Ok(()));
    assert!(mailbox.recv().is_ok());

    let file = dir.path().join("precious");
    fs::write(&file, b"precious").unwrap();
    let error = Control::listen(&file, Handle { sender, device: None }).err().unwrap();
    assert!(error.to_string().contains("is no socket"), "{error}");
    assert_eq!(fs::read(&file).unwrap(), b"precious");
}
