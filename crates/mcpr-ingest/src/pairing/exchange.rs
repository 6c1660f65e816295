//! What pairing does for exchanges over HTTP: whose messages come in their order, whose sessions are known
//! only once they are answered, and whose requests can end without an answer of their own.

use super::{ClientIdentity, Moment, Pairing, PairingTally, payload};
use mcpr_model::{
    Event, OperationLink, OperationPart, OperationStage, Outcome, SessionState, SourceFormat, Text,
};
use mcpr_wire::{Direction, TypedId};

impl Pairing {
    /// Exchanges of no session yet.
    #[must_use]
    pub(crate) fn of_exchange(proxy: Text) -> Self {
        Self {
            is_ordered: true,
            format: Some(SourceFormat::JsonRpc),
            ..Self::of_log(proxy)
        }
    }

    /// The same for a client that has stated who it is before.
    #[must_use]
    pub(crate) fn by(mut self, client: Option<ClientIdentity>) -> Self {
        self.client = client;
        self
    }

    /// Who calls, as it named itself.
    pub(crate) fn client(&self) -> Option<&ClientIdentity> {
        self.client.as_ref()
    }

    /// Says which session this is: what waits and what follows is of it.
    pub(crate) fn join(&mut self, session_id: Text, moment: Moment, events: &mut Vec<Event>) {
        self.session_id = Some(session_id);
        self.is_connection = false;
        let mut update = self.update(SessionState::Active, moment.ts);
        update.started_at = Some(moment.ts);
        if let Some((name, version)) = &self.client {
            update.client_name = Some(name.clone());
            update.client_version.clone_from(version);
        }
        events.push(Event::Session(update));
    }

    /// Says that the session is over. What still waits goes on waiting: its answers may be on their way.
    pub(crate) fn close(&self, moment: Moment, events: &mut Vec<Event>) {
        if self.session_id.is_some() {
            events.push(Event::Session(self.update(SessionState::Closed, moment.ts)));
        }
    }

    /// The ids of the client's requests that wait, the oldest first.
    pub(crate) fn waiting_ids(&self) -> Vec<TypedId> {
        self.from_client.by_age.values().cloned().collect()
    }

    /// Whether a request of the client waits under this very id.
    pub(crate) fn awaits(&self, id: &TypedId) -> bool {
        self.from_client.waiting.contains_key(id)
    }

    /// Ends a request of the client that has no answer of its own, if it waits; says whether it did.
    pub(crate) fn fail(
        &mut self,
        id: &TypedId,
        outcome: Outcome,
        moment: Moment,
        events: &mut Vec<Event>,
    ) -> bool {
        let Some(mut waiting) = self.from_client.take(id) else {
            return false;
        };
        // Its answer may still come on another stream, and is late then.
        self.from_client.set_over(id.clone());
        let params = waiting.asked.params.take();
        let mut row = self.row(Direction::ToServer, waiting, moment);
        row.outcome = outcome;
        row.payload = payload(params, None);
        events.push(Event::Request(row));
        true
    }

    /// Ends a request of the client whose answer broke off, if it waits; gives what it is known by when it is made
    /// again, where the protocol says so.
    pub(crate) fn break_off(
        &mut self,
        id: &TypedId,
        outcome: Outcome,
        moment: Moment,
        events: &mut Vec<Event>,
    ) -> Option<OperationLink> {
        let stateless = &self.from_client.waiting.get(id)?.asked.stateless;
        let again = stateless.as_ref().map(|it| it.again);
        self.fail(id, outcome, moment, events);
        let (Some(leaves), Some(Event::Request(row))) = (again, events.last_mut()) else {
            return None;
        };
        row.part = Some(Box::new(OperationPart {
            follows: row.part.as_deref().and_then(|part| part.follows),
            leaves: Some(leaves),
            stage: OperationStage::Broken,
        }));
        Some(leaves)
    }

    /// Forgets a request of the client whose answer could not be read, if it waits; says whether it did.
    pub(crate) fn forget(&mut self, id: &TypedId, events: &mut Vec<Event>) -> bool {
        let Some(waiting) = self.from_client.take(id) else {
            return false;
        };
        self.tally.doubtful += 1;
        if waiting.is_announced {
            // No row will take it out of what is in flight.
            events.push(Event::Withdrawn(self.key_of(&waiting).hash));
        }
        true
    }

    /// What led to no row since this was last asked.
    pub(crate) fn take_tally(&mut self) -> PairingTally {
        std::mem::take(&mut self.tally)
    }

    /// Gives up all that waits: nothing of it will be answered any more.
    pub(crate) fn abandon(&mut self, moment: Moment, events: &mut Vec<Event>) {
        self.close_streams(events);
        self.give_up_where(&|_| true, moment, events);
    }
}
