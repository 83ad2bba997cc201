//! SNS's envelope: a notification is unwrapped, a confirmation is left. With raw delivery there is none.
//!
//! Source: SNS Developer Guide, "Parsing Amazon SNS message formats". A confirmation's URL holds a token and is neither
//! followed nor shown.

use super::read::Layer;
use super::unknown::UnknownBody;
use super::{Form, LeftWhy, Message, Part};
use crate::fields::Fields;

/// Reads an object that has `Type` and `Message`.
pub(super) fn read(fields: &Fields<'_>) -> Result<Layer, UnknownBody> {
    let message = fields.required("Message")?;
    match fields.required("Type")?.as_ref() {
        "Notification" => Ok(Layer::Envelope("an SNS notification", message.into_owned())),
        "SubscriptionConfirmation" | "UnsubscribeConfirmation" => {
            let topic = fields.text("TopicArn")?.unwrap_or_default();
            let part = Part::left(LeftWhy::Subscription, &topic);
            Ok(Layer::Message(Message::one(Form::Control, part)))
        }
        _ => Err(UnknownBody::new("its Type is none of SNS's")),
    }
}
