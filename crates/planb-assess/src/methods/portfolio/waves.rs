//! The order of the moves: groups in their order, nothing before what it
//! depends on, no more in a wave than can be done.

use super::cycles::circles;
use super::{Answers, Rules, index};
use serde::Serialize;
use std::collections::VecDeque;

/// Services that move at the same time.
#[derive(Debug, Serialize)]
pub struct Wave {
    /// From 1.
    pub number: usize,
    /// Most ordinary grade first, then as in the inventory.
    pub services: Vec<String>,
}

/// When everything moves.
pub(super) struct Plan {
    pub waves: Vec<Wave>,
    /// By position of the service.
    pub wave: Vec<Option<usize>>,
    /// What keeps a service back beyond its group.
    pub held_by: Vec<Option<usize>>,
    pub cycles: Vec<Vec<String>>,
}

/// Plans the moves. A dependency that has moved, or that stays where it is,
/// holds nothing back.
pub(super) fn plan(rules: &Rules, answers: &Answers) -> Plan {
    let services = &answers.services;
    let names = index(services);
    let moving = |at: &usize| services[*at].state.moves();
    let needs: Vec<Vec<usize>> = services
        .iter()
        .map(|s| {
            let known = s.needs().into_iter().filter_map(|n| names.get(n).copied());
            if s.state.moves() {
                known.filter(moving).collect()
            } else {
                Vec::new()
            }
        })
        .collect();
    let group: Vec<usize> = services.iter().map(|s| rules.group(s) + 1).collect();
    let (stage, held_by) = stages(&needs, &group);
    let stage: Vec<Option<usize>> = (0..services.len())
        .map(|at| stage[at].filter(|_| moving(&at)))
        .collect();
    let mut order: Vec<usize> = (0..services.len())
        .filter(|at| stage[*at].is_some())
        .collect();
    order.sort_unstable_by_key(|at| (stage[*at], std::cmp::Reverse(services[*at].grade), *at));
    let mut wave = vec![None; services.len()];
    let mut waves: Vec<Wave> = Vec::new();
    let mut last = None;
    let most = answers.wave_max.unwrap_or(usize::MAX);
    for at in order {
        let full = waves.last().is_none_or(|w| w.services.len() >= most);
        if full || last != stage[at] {
            waves.push(Wave {
                number: waves.len() + 1,
                services: Vec::new(),
            });
        }
        last = stage[at];
        let number = waves.len();
        if let Some(current) = waves.last_mut() {
            current.services.push(services[at].name.clone());
        }
        wave[at] = Some(number);
    }
    let name = |at: &usize| services[*at].name.clone();
    let cycles = circles(&needs);
    Plan {
        waves,
        wave,
        held_by,
        cycles: cycles
            .iter()
            .map(|c| c.iter().map(name).collect())
            .collect(),
    }
}

/// The stage of each: its group, or one after the last thing it needs. None for
/// what a circle holds back.
fn stages(needs: &[Vec<usize>], group: &[usize]) -> (Vec<Option<usize>>, Vec<Option<usize>>) {
    let count = needs.len();
    let mut open: Vec<usize> = needs.iter().map(Vec::len).collect();
    let mut followers: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (at, needed) in needs.iter().enumerate() {
        for one in needed {
            followers[*one].push(at);
        }
    }
    let mut ready: VecDeque<usize> = (0..count).filter(|at| open[*at] == 0).collect();
    let mut stage = group.to_vec();
    let mut held_by = vec![None; count];
    let mut done = vec![false; count];
    while let Some(at) = ready.pop_front() {
        done[at] = true;
        for follower in &followers[at] {
            if stage[at] + 1 > stage[*follower] {
                stage[*follower] = stage[at] + 1;
                held_by[*follower] = Some(at);
            }
            open[*follower] -= 1;
            if open[*follower] == 0 {
                ready.push_back(*follower);
            }
        }
    }
    let stage = stage.into_iter().zip(&done);
    (stage.map(|(s, done)| done.then_some(s)).collect(), held_by)
}
