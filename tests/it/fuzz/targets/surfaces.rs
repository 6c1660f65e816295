//! What servers say of themselves: parsed, merged and compared.

use mcpr_surface::{Compatibility, Surface, capture, diff};

/// Two payloads are compared both ways; a surface differs in nothing from itself.
pub(super) fn compared(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (old, new) = text.split_once('\n').unwrap_or((&text, ""));
    let _ = mcpr_surface::parse::parse(old);
    let surfaces = [old, new].map(|payload| {
        // The captures of tools hold one tool each.
        Surface::parse(payload)
            .or_else(|_| Surface::parse(&format!("{{\"tools\":[{payload}]}}")))
            .unwrap_or_default()
    });
    let [old, new] = &surfaces;
    let compared = |old, new| diff(old, new).expect("the system has room for a thread");
    let _ = (compared(old, new), compared(new, old));
    assert_eq!(compared(old, old).compatibility, Compatibility::default());
    let _ = capture::surface_of([&*text]);
}
