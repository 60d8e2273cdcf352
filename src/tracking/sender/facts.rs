//! What hangs on the runs: parameters, tags, points, data sets, files.

use std::path::Path;

use super::{Halt, Sender, is_final, now_ms, rejected};
use crate::hash;
use crate::tracking::fact::{Content, Point, Slot, Wanted};
use crate::tracking::outstanding::{Outstanding, is_gone, names, stored_point};
use crate::tracking::server::{Batch, SendError, Server};

/// Points in one request.
const POINTS: usize = 1_000;

impl<S: Server> Sender<'_, S> {
    /// Takes the result of sending one fact of a run.
    pub(super) async fn take(
        &mut self,
        wanted: &Wanted,
        slot: &Slot,
        fact: &str,
        value: &str,
        sent: Result<(), SendError>,
    ) -> Result<(), Halt> {
        match sent {
            Ok(()) => self.cursor.acknowledge(fact, value),
            Err(e) if is_final(e.trouble) => {
                if !self.run_went_away(wanted, slot).await? {
                    self.cursor.bury(fact, value, &e.text, now_ms());
                }
            }
            Err(e) => return Err(e.into()),
        }
        self.changed()?;
        Ok(())
    }

    /// Logs parameters and tags; what the server refuses is found by halving and buried.
    pub(super) async fn log(
        &mut self,
        wanted: &Wanted,
        slot: &Slot,
        batch: &Batch,
    ) -> Result<(), Halt> {
        let mut stack = vec![batch.clone()];
        let mut looked = false;
        while let Some(batch) = stack.pop() {
            let Some(id) = self.id(wanted, slot) else {
                return Ok(());
            };
            match self.server.log(&id, &batch).await {
                Ok(()) => {
                    for (name, value) in &batch.params {
                        self.cursor.acknowledge(&names::param(slot, name), value);
                    }
                    for (name, value) in &batch.tags {
                        self.cursor.acknowledge(&names::tag(slot, name), value);
                    }
                }
                Err(e) if is_final(e.trouble) => {
                    if !looked && self.run_went_away(wanted, slot).await? {
                        self.changed()?;
                        return Ok(());
                    }
                    looked = true;
                    match halves(batch) {
                        Ok((a, b)) => stack.extend([b, a]),
                        Err(one) => {
                            for (name, value) in &one.params {
                                self.cursor.bury(
                                    &names::param(slot, name),
                                    value,
                                    &e.text,
                                    now_ms(),
                                );
                            }
                            for (name, value) in &one.tags {
                                self.cursor
                                    .bury(&names::tag(slot, name), value, &e.text, now_ms());
                            }
                        }
                    }
                }
                Err(e) => return Err(e.into()),
            }
            self.changed()?;
        }
        Ok(())
    }

    /// Logs metric points in the order of the list; the cursor moves on by whole chunks.
    pub(super) async fn points(&mut self, wanted: &Wanted, points: &[Point]) -> Result<(), Halt> {
        for chunk in points.chunks(POINTS) {
            let mut slots: Vec<&Slot> = Vec::new();
            for point in chunk {
                if !slots.contains(&&point.slot) {
                    slots.push(&point.slot);
                }
            }
            for slot in slots {
                let of_slot: Vec<&Point> = chunk.iter().filter(|p| p.slot == *slot).collect();
                self.points_of(wanted, slot, of_slot).await?;
            }
            // A run that was lost on the way begins again from the start.
            if wanted
                .runs
                .iter()
                .all(|r| is_gone(r, &self.cursor) || self.cursor.runs.contains_key(&r.slot.key()))
            {
                self.cursor.points += chunk.len();
                self.cursor.sent += chunk.len() as u64;
            }
            self.changed()?;
        }
        Ok(())
    }

    async fn points_of(
        &mut self,
        wanted: &Wanted,
        slot: &Slot,
        points: Vec<&Point>,
    ) -> Result<(), Halt> {
        let mut stack = vec![points];
        let mut looked = false;
        while let Some(points) = stack.pop() {
            let Some(id) = self.id(wanted, slot) else {
                return Ok(());
            };
            let batch = Batch {
                points: points.iter().map(|p| stored_point(p)).collect(),
                ..Batch::default()
            };
            match self.server.log(&id, &batch).await {
                Ok(()) => {}
                Err(e) if is_final(e.trouble) => {
                    if !looked && self.run_went_away(wanted, slot).await? {
                        return Ok(());
                    }
                    looked = true;
                    if let [one] = points[..] {
                        let value = format!("{} {}", one.value, one.at_ms);
                        self.cursor
                            .bury(&names::point(one), &value, &e.text, now_ms());
                    } else {
                        let (a, b) = points.split_at(points.len() / 2);
                        stack.extend([b.to_vec(), a.to_vec()]);
                    }
                }
                Err(e) => return Err(e.into()),
            }
        }
        Ok(())
    }

    pub(super) async fn inputs(
        &mut self,
        wanted: &Wanted,
        left: &Outstanding<'_>,
    ) -> Result<(), Halt> {
        for input in left.inputs {
            let Some(id) = self.id(wanted, &Slot::Parent) else {
                return Ok(());
            };
            match self.server.log_input(&id, input).await {
                Ok(()) => {}
                Err(e) if is_final(e.trouble) => {
                    if self.run_went_away(wanted, &Slot::Parent).await? {
                        self.changed()?;
                        return Ok(());
                    }
                    self.cursor
                        .bury(&names::input(&input.name), &input.digest, &e.text, now_ms());
                }
                Err(e) => return Err(e.into()),
            }
            self.cursor.inputs += 1;
            self.cursor.sent += 1;
            self.changed()?;
        }
        Ok(())
    }

    pub(super) async fn artifacts(
        &mut self,
        wanted: &Wanted,
        left: &Outstanding<'_>,
    ) -> Result<(), Halt> {
        for (path, content) in &left.artifacts {
            let Some(made) = self.cursor.runs.get(&Slot::Parent.key()).cloned() else {
                return Ok(());
            };
            let fact = names::artifact(path);
            let sha256 = content.sha256();
            let sent = match content {
                Content::Text(text) => {
                    self.server
                        .put_bytes(&made.root, path, text.as_bytes())
                        .await
                }
                Content::File { path: file, .. } => {
                    let file = self.place.run_dir.join(file);
                    match unaltered(&file, &sha256) {
                        Ok(()) => self.server.put_file(&made.root, path, &file).await,
                        Err(why) => Err(rejected(why)),
                    }
                }
            };
            if sent.is_ok()
                && self.cursor.facts.contains_key(&fact)
                && !self.cursor.resent.iter().any(|p| p == path)
            {
                self.cursor.resent.push((*path).to_owned());
            }
            self.take(wanted, &Slot::Parent, &fact, &sha256, sent)
                .await?;
        }
        Ok(())
    }
}

/// Two halves of a batch; one that cannot be divided comes back.
fn halves(mut batch: Batch) -> Result<(Batch, Batch), Batch> {
    if batch.len() < 2 {
        return Err(batch);
    }
    let mut rest = Batch::default();
    if batch.params.is_empty() || batch.tags.is_empty() {
        rest.params = batch.params.split_off(batch.params.len() / 2);
        rest.tags = batch.tags.split_off(batch.tags.len() / 2);
    } else {
        rest.tags = std::mem::take(&mut batch.tags);
    }
    Ok((batch, rest))
}

fn unaltered(file: &Path, sha256: &str) -> Result<(), String> {
    match hash::sha256_file(file) {
        Ok(found) if found == sha256 => Ok(()),
        Ok(_) => Err("the file is not the one its stage recorded".to_owned()),
        Err(e) => Err(format!("the file cannot be read: {}", e.kind())),
    }
}
