//! The vector: a body as the provider might send it, and signatures over it that were computed with Node.js and Python.

use super::*;

const BODY: &str = include_str!("../../../tests/vectors/nowpayments_body.json");

/// `JSON.stringify` of the sorted body.
const GOOD: &str = "8675ad49e2ce621ce6f7c847bf34a5b29b3beb312341cc7ff2d8ed30801d271f\
                    42e4c79953e60d12203ae9ecfa018c30177f88c4438d5b0467bec7342778024a";

fn secret() -> IpnSecret {
    IpnSecret::new(" np-ipn-secret-for-tests\n").unwrap()
}

fn is_genuine(signature: &str, body: &str) -> bool {
    secret().prove(Some(signature), body.as_bytes()).is_ok()
}

/// The body with these odd parts.
fn odd(parts: &[(&str, &str)]) -> String {
    parts.iter().fold(BODY.to_owned(), |body, (part, other)| {
        assert!(body.contains(part), "{part}");
        body.replace(part, other)
    })
}

#[test]
fn the_vector_is_genuine_and_says_what_was_signed() {
    let said = secret().prove(Some(GOOD), BODY.as_bytes()).unwrap();
    assert_eq!(said.get("payment_id").scalar(), Some("5077125051"));
    assert_eq!(said.get("outcome_amount").scalar(), Some("1.2e-7"));
    assert_eq!(said.get("fee").get("depositFee").scalar(), Some("9.8e-7"));
    assert!(is_genuine(&GOOD.to_uppercase(), BODY) && is_genuine(&format!(" {GOOD} "), BODY));
}

#[test]
fn what_was_signed_in_another_way_is_forged() {
    let wrong = [
        // Keys sorted by the list of allowed names: the inner ones are dropped.
        "9a301bd9fd58534fbf0dcc1af011099fa28220bfce980c43bcdd871a41ab689a\
         ead954c2b45586b86097afacf83fb87176f49690fa28d2332eb43033dd5ed3c1",
        // Python's spelling of numbers and letters.
        "72caa3b517aa9f8718854c7e01fea6a211f009dc4e5c7bed519556c833660e90\
         1fb544878ee330e57264219400a2390839d44d7815db7c13492e6da1e6951429",
        // The body as it came, unsorted.
        "ff52c76ad08fc6a4acdff3b8135ac880fcae0560a05fa84ed19bf4e5b86b366c\
         dad2bca3087ed16de59194163f9bc31fb39ffa4b568b00dcb09e44189074d67d",
        // Letters beyond ASCII escaped; slashes escaped.
        "bef3e70201d27925697f309bc38202e9c77545584a1e3badef2a5900bdcda302\
         5ba9d5ec0c8fe43937487df91b325c312f563e7e5188caf3ea9a5d7259da0842",
        "4b9c276ed904e3e62ec45249eba688160991a0f43bb725bb2b26bb140f4da968\
         47ef30ee4423f9a65f6b3c5aed78383741808947c8d96cbef4ad5e8191fafb49",
        // Of another body: its list of further payments is not empty.
        "f221e09d5057e7f6b1ad2a4748ac7ab661d55a646dbcf54bb46b11aa023e2f24\
         be87e79b5578166896f7f134b59378d122c411dd6eb3c53b039baa95e3616e65",
        // With another secret; with SHA-256.
        "f64caa674c2c0ee4642f0ddd5940bf954e2f97acff9717b94e62026455a580a9\
         f790f48a98a441c8cd68f5d1209018802db0e502d8f148490f585dd5d3c43a4e",
        "05ca94abf2482ce95cde7878c0165da3be631e2039e5978dadb6bde4368e8db9",
    ];
    for signature in wrong {
        assert!(!is_genuine(signature, BODY), "{signature}");
    }
}

#[test]
fn a_list_is_signed_as_it_is_or_as_an_object() {
    let one = odd(&[("\"payment_extra_ids\":null", "\"payment_extra_ids\":[5513339153]")]);
    let two = odd(&[("\"payment_extra_ids\":null", "\"payment_extra_ids\":[5513339153,7]")]);
    let kept = [
        (
            "246de9c96baac9980d4875f392ba88740e72f16be3401423bc6ac7037024ac02\
             fe8cbee32280a76d7cad9c14756cbe75f86bef1edac94b763965e006bc39e077",
            &one,
        ),
        (
            "4f44b4f505e07a3db05c1a5afb3af90173e10900be3fc6399a80ad7c0fd35149\
             60f266f7980479cdb29cb9a9af0d5be14b5526e4daf06753ab13ef663be99cf2",
            &two,
        ),
    ];
    let indexed = [
        (
            "f221e09d5057e7f6b1ad2a4748ac7ab661d55a646dbcf54bb46b11aa023e2f24\
             be87e79b5578166896f7f134b59378d122c411dd6eb3c53b039baa95e3616e65",
            &one,
        ),
        (
            "7ac70b64033ec764c47f7893f66d6be909fb14fb3550497cced1fe13ae388c31\
             0902c39afe1c05ea6060b1055fd6b6e8489ccf47c3cf5dd28c443b3da0552d56",
            &two,
        ),
    ];
    for (signature, body) in kept.into_iter().chain(indexed) {
        assert!(is_genuine(signature, body), "{body}");
        assert!(!is_genuine(signature, BODY));
    }
}

#[test]
fn numbers_are_signed_as_they_are_spelled_or_as_ecmascript_spells_them() {
    let body = odd(&[("\"price_amount\":10,", "\"price_amount\":10.00,"), ("1.2e-7", "8.30e-06")]);
    let ecmascript = "d5799680a924a2b47280113b608ce2f87d67b405f6fd7b60b991e59c916d706f\
                      ae042f702b273ee2fc584448aa6dfd2484afaf7bc73dd6cc1ac05399649dce96";
    let literal = "771d24303275c666b43ac5d6aec29af0187fa0bc68043de1e4f59a84a44e8bac\
                   8d5c418391cb1564f1c064c2d28e7594f548242854fca389af8b0f5968cdd7ed";
    // What a round trip through a float of another language makes of them: 10.0 and 8.3e-6.
    let neither = "27e900fe966de14282bd851f9f913b970a439f9700c5e790ed75c430ab108d69\
                   ef9204ec86003d1504b77d369f2fffd7c2d41e2e587917558b37773f7cc9765e";
    assert!(is_genuine(ecmascript, &body) && is_genuine(literal, &body));
    assert!(!is_genuine(neither, &body));
}

#[test]
fn a_changed_body_is_forged() {
    for (part, other) in [("finished", "Finished"), ("0.000083", "0.000084"), ("sub_42", "sub_43"), ("5077125051", "1")]
    {
        assert!(!is_genuine(GOOD, &odd(&[(part, other)])), "{part}");
    }
    assert!(!is_genuine(GOOD, &odd(&[("{\"payment_id\"", "{\"more\":null,\"payment_id\"")])));
    // Space and the order of keys are not signed.
    assert!(is_genuine(GOOD, &odd(&[(",", " ,\n ")]).replace("Pro/1 ,\n ", "Pro/1,")));
}

#[test]
fn without_a_signature_or_a_body_nothing_is_genuine() {
    for header in [None, Some(""), Some("8675"), Some("zz"), Some("\u{e9}")] {
        assert!(matches!(secret().prove(header, BODY.as_bytes()), Err(WebhookError::Forged(_))), "{header:?}");
    }
    for body in ["", "null", "{", "not json"] {
        assert!(matches!(secret().prove(Some(GOOD), body.as_bytes()), Err(WebhookError::Forged(_))), "{body}");
    }
    assert!(IpnSecret::new(" \n").is_none());
    assert!(!format!("{:?}", secret()).contains("np-ipn"));
}
