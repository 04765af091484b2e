//! The PayPal sandbox over real HTTP, as a merchant's client, a payer and a merchant's webhook meet it.

#[cfg(test)]
#[path = "paypal/world.rs"]
mod world;

#[cfg(test)]
#[path = "paypal/faults.rs"]
mod faults;
#[cfg(test)]
#[path = "paypal/orders.rs"]
mod orders;
#[cfg(test)]
#[path = "paypal/restart.rs"]
mod restart;
#[cfg(test)]
#[path = "paypal/signatures.rs"]
mod signatures;
#[cfg(test)]
#[path = "paypal/subscriptions.rs"]
mod subscriptions;
#[cfg(test)]
#[path = "paypal/webhooks.rs"]
mod webhooks;
