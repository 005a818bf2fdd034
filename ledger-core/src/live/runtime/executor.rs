//! The executing thread: a replica's commits, with the state to execute them on.

use super::machines::Answer;
use crate::replica::Executing;
use crate::seam::Input;
use crossbeam_channel::{Receiver, Sender};

/// For which machine, and what. A machine has one under way at a time.
pub(in crate::live) type Order = (u32, Box<Executing>);

/// Until the machines have hung up.
pub(in crate::live) fn serve(orders: &Receiver<Order>, answers: &Sender<Answer>) {
    for (machine, mut executing) in orders {
        executing.run();
        if answers.send(Answer::Input(machine, Input::Executed(executing))).is_err() {
            return;
        }
    }
}
