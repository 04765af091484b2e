//! Thin clients of the HTTP API and of the sandbox's control APIs, for the demonstration, the tests and the bench.

mod billing;
mod causeway;
mod discord;
mod http;
mod nowpayments;
mod paypal;
mod smtp;
mod telegram;

pub use self::{
    billing::{Handover, NewCheckout, Payment},
    causeway::{Account, CausewayClient, ChatRow, NewPair, Pair, Place},
    discord::{DiscordBot, DiscordControl, DiscordMessage, Guild},
    http::{CallError, Http},
    nowpayments::{NowpaymentsBooks, NowpaymentsControl, NowpaymentsInvoice, NowpaymentsIpn, NowpaymentsPayment},
    paypal::{BookedOrder, BookedPayment, BookedRefund, BookedSubscription, Books, PaypalControl, SentWebhook},
    smtp::{Mail, SmtpControl},
    telegram::{
        NewUser, TelegramBot, TelegramBotFacts, TelegramChat, TelegramCommand, TelegramControl, TelegramMessage,
    },
};
