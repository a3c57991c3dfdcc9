//! Tests of the link's faults.

use super::*;
use std::cell::Cell;

fn kind<T>(result: PortResult<T>) -> Option<ErrorKind> {
    result.err().map(|e| e.kind())
}

#[tokio::test(start_paused = true)]
async fn scripted_faults_hit_their_call_and_only_that() {
    let link = Link::direct();
    link.script("put", 2, Fault::TimeoutBefore);
    link.script("put", 3, Fault::TimeoutAfter);
    link.script("put", 4, Fault::Fail(ErrorKind::NoSpace));
    let effects = Cell::new(0);
    let put = async || {
        link.call("put", || {
            effects.set(effects.get() + 1);
            Ok(())
        })
        .await
    };
    assert_eq!(kind(put().await), None);
    assert_eq!(
        (kind(put().await), effects.get()),
        (Some(ErrorKind::Timeout), 1)
    );
    assert_eq!(
        (kind(put().await), effects.get()),
        (Some(ErrorKind::Timeout), 2)
    );
    assert_eq!(
        (kind(put().await), effects.get()),
        (Some(ErrorKind::NoSpace), 2)
    );
    assert_eq!((kind(put().await), effects.get()), (None, 3));
    assert_eq!(link.calls("put"), 5);
}

#[tokio::test(start_paused = true)]
async fn a_cut_link_times_out_and_nothing_happens() {
    let link = Link::direct();
    link.set_up(false);
    let effect = Cell::new(false);
    let result = link
        .call("put", || {
            effect.set(true);
            Ok(())
        })
        .await;
    assert_eq!(kind(result), Some(ErrorKind::Timeout));
    assert!(!effect.get());
}

#[tokio::test(start_paused = true)]
async fn a_late_request_happens_after_its_timeout_and_its_callers_death() {
    let link = Link::direct();
    link.set_weather(Weather {
        late: 1.0,
        late_ms_max: 60_000,
        ..Weather::CALM
    });
    let life = Incarnation::new();
    let done = Arc::new(Mutex::new(0));
    let effect = done.clone();
    let put = move || {
        *lock(&effect) += 1;
        Ok(())
    };
    let result = link.of(&life).call_or_late("put", put).await;
    assert_eq!(kind(result), Some(ErrorKind::Timeout));
    life.crash();
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert_eq!(*lock(&done), 1);
}

#[tokio::test(start_paused = true)]
async fn a_crash_after_the_effect_keeps_the_effect_and_stops_the_process() {
    let link = Link::direct();
    let life = Incarnation::new();
    link.script("put", 1, Fault::CrashAfter);
    let effect = Cell::new(false);
    let mine = link.of(&life);
    let call = mine.call("put", || {
        effect.set(true);
        Ok(())
    });
    let ended = tokio::time::timeout(Duration::from_secs(60), call).await;
    assert!(ended.is_err() && effect.get() && life.is_dead());
    assert!(link.call("put", || Ok(())).await.is_ok(), "the next life");
}
