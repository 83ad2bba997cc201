//! Every text of an event that a caller can have chosen, visited for redaction.
//!
//! Only called on records that hold something like a credential. Ids and times that AWS makes are left out.

use snowtrail_model::Event;
use snowtrail_model::event::{KeyValue, PolicyStatement};

/// Replaces each text for which `clean` gives another one; says whether any was.
pub(crate) fn visit_texts(event: &mut Event, clean: &mut dyn FnMut(&str) -> Option<String>) -> bool {
    let mut visit = Visit { clean, changed: false };
    visit.identity(event);
    visit.call(event);
    visit.settings(event);
    visit.changed
}

struct Visit<'a> {
    clean: &'a mut dyn FnMut(&str) -> Option<String>,
    changed: bool,
}

impl Visit<'_> {
    fn identity(&mut self, event: &mut Event) {
        for text in [
            &mut event.principal,
            &mut event.principal_id,
            &mut event.actor,
            &mut event.source_identity,
            &mut event.source_service,
            &mut event.user_agent,
        ] {
            self.option(text);
        }
    }

    fn call(&mut self, event: &mut Event) {
        for text in [
            &mut event.error_code,
            &mut event.error_message,
            &mut event.request_id,
            &mut event.secret_version_id,
            &mut event.version_stage,
        ] {
            self.option(text);
        }
        for target in &mut event.targets {
            for text in [&mut target.arn, &mut target.name, &mut target.as_asked] {
                self.option(text);
            }
        }
        self.pairs(&mut event.encryption_context);
        self.pairs(&mut event.tags);
    }

    fn settings(&mut self, event: &mut Event) {
        if let Some(rotation) = &mut event.rotation {
            for text in [&mut rotation.lambda_arn, &mut rotation.schedule_expression, &mut rotation.duration]
            {
                self.option(text);
            }
        }
        if let Some(grant) = &mut event.grant {
            self.option(&mut grant.grantee_principal);
            self.option(&mut grant.retiring_principal);
            self.texts(&mut grant.constraints);
        }
        if let Some(trail) = &mut event.trail {
            for text in [&mut trail.s3_bucket, &mut trail.s3_prefix, &mut trail.sns_topic, &mut trail.kms_key]
            {
                self.option(text);
            }
        }
        event.policy_statements.iter_mut().for_each(|statement| self.statement(statement));
        for field in event.event_selectors.iter_mut().flat_map(|selector| &mut selector.fields) {
            self.texts(&mut field.values);
        }
        self.texts(&mut event.replica_regions);
        self.option(&mut event.rule_state);
    }

    fn statement(&mut self, statement: &mut PolicyStatement) {
        self.option(&mut statement.sid);
        self.option(&mut statement.condition);
        for list in [&mut statement.principals, &mut statement.not_principals, &mut statement.resources] {
            self.texts(list);
        }
    }

    fn pairs(&mut self, pairs: &mut [KeyValue]) {
        for pair in pairs {
            self.text(&mut pair.key);
            self.text(&mut pair.value);
        }
    }

    fn texts(&mut self, texts: &mut [String]) {
        texts.iter_mut().for_each(|text| self.text(text));
    }

    fn option(&mut self, text: &mut Option<String>) {
        text.iter_mut().for_each(|text| self.text(text));
    }

    fn text(&mut self, text: &mut String) {
        if let Some(clean) = (self.clean)(text) {
            *text = clean;
            self.changed = true;
        }
    }
}
