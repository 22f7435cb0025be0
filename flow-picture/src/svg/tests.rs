//! What is drawn of a picture, and where.

use crate::{Edge, Kind, Look, Mark, Picture, Region, Step};

/// A branch with two arms, of which one has no step, a fan-out, a called workflow and a wait.
fn picture() -> Picture {
    let edges = |from: &[usize]| from.iter().map(|from| Edge { from: *from, is_value: true }).collect();
    let step = |id: &str, region, kind, from: &[usize]| Step { edges: edges(from), ..Step::new(id, region, kind) };
    let region = |parent, label: &str| Region { parent, label: label.to_owned(), is_pale: false };
    Picture {
        title: "order".to_owned(),
        note: "() -> ()".to_owned(),
        steps: vec![
            step("pay", 0, Kind::Call, &[]),
            step("parcel", 0, Kind::Branch, &[0]),
            step("labels", 0, Kind::Each, &[1]),
            step("trip", 0, Kind::Sub, &[0]),
            step("word", 0, Kind::Wait, &[3]),
            step("ship", 1, Kind::Call, &[0]),
            step("print", 3, Kind::Call, &[]),
            step("hotel", 4, Kind::Call, &[]),
        ],
        regions: vec![
            Region::default(),
            region(Some(1), "Ok(slip)"),
            region(Some(1), "Err(_)"),
            region(Some(2), ""),
            region(Some(3), ""),
        ],
    }
}

/// The rectangle that belongs to a text of the picture: the last that was drawn before it.
fn rect_of(svg: &str, text: &str) -> [f64; 4] {
    let end = svg.rfind(&format!(">{text}</text>")).unwrap_or_else(|| panic!("no {text} in {svg}"));
    let rect = &svg[svg[..end].rfind("<rect").unwrap()..];
    ["x", "y", "width", "height"].map(|name| {
        let from = rect.find(&format!(" {name}=\"")).unwrap() + name.len() + 3;
        rect[from..].split('"').next().unwrap().parse().unwrap()
    })
}

#[test]
fn what_a_region_has_stands_in_it() {
    let svg = picture().svg();
    let within = |inner: &str, outer: &str| {
        let ([x, y, width, height], [left, top, wide, high]) = (rect_of(&svg, inner), rect_of(&svg, outer));
        assert!(left < x && x + width < left + wide, "{inner} in {outer}");
        assert!(top < y && y + height < top + high, "{inner} in {outer}");
    };
    within("Ok(slip)", "parcel");
    within("Err(_)", "parcel");
    within("ship", "Ok(slip)");
    within("no step", "parcel");
    within("print", "labels");
    within("hotel", "trip");
}

#[test]
fn each_kind_has_its_form() {
    let svg = picture().svg();
    for (form, count) in [
        ("<rect class=\"box call\"", 4),
        ("<rect class=\"box wait\"", 1),
        ("<rect class=\"frame branch\"", 1),
        ("<rect class=\"frame each\"", 1),
        ("<path class=\"frame each\"", 1),
        ("<rect class=\"frame sub\"", 2),
        ("<rect class=\"arm\"", 2),
        ("<g class=\"pale\">", 0),
        ("<circle", 0),
    ] {
        assert_eq!(svg.matches(form).count(), count, "{form} in {svg}");
    }
}

#[test]
fn what_the_run_did_not_go_into_pales_with_all_in_it() {
    let mut picture = picture();
    picture.regions[2].is_pale = true;
    picture.steps.push(Step::new("refunds", 2, Kind::Each));
    picture.regions.push(Region { parent: Some(8), ..Region::default() });
    picture.steps.push(Step::new("refund", 5, Kind::Call));
    for step in &mut picture.steps {
        step.mark = Some(Mark { look: Look::Stopped, note: "bypassed".to_owned() });
    }
    let svg = picture.svg();
    let pale: Vec<&str> = svg.split("<g class=\"pale\">").skip(1).collect();
    assert_eq!(pale.len(), 2, "the arm, and the region in it");
    assert!(pale[0].contains(">refunds<") && pale[1].contains(">refund<"), "{svg}");
    assert_eq!(svg.matches("<circle class=\"stopped\"").count(), picture.steps.len());
}

#[test]
fn a_page_takes_it_as_one_piece_in_its_own_colour() {
    let (file, page) = (picture().svg(), picture().inline_svg());
    assert!(!page.contains("\n\n") && !page.contains("prefers-color-scheme") && !page.contains("class=\"back\""));
    assert!(file.contains("prefers-color-scheme:dark") && file.contains("<rect class=\"back\""));
    for svg in [file, page] {
        let document = roxmltree::Document::parse(&svg).unwrap();
        let mut names = document.descendants().filter(roxmltree::Node::is_element).map(|node| node.tag_name().name());
        assert!(names.all(|name| name != "script" && name != "image" && name != "a"));
        assert!(!svg.contains("href") && !svg.contains("url("), "it loads nothing");
    }
}

#[test]
fn what_belongs_nowhere_is_left_out() {
    let mut picture = picture();
    picture.steps[0].edges = [1, 7, 99].map(|from| Edge { from, is_value: true }).to_vec();
    picture.steps.push(Step::new("lost", 99, Kind::Call));
    picture.regions.push(Region { parent: Some(8), ..Region::default() });
    picture.regions.push(Region { parent: Some(9), ..Region::default() });
    picture.steps.push(Step::new("in_itself", 6, Kind::Each));
    picture.regions.push(Region::default());
    let svg = picture.svg();
    assert!(!svg.contains("lost") && !svg.contains("in_itself"));
    assert!(svg.contains(">hotel<"));
    assert!(Picture::default().svg().starts_with("<svg "), "one of nothing");
}

#[test]
fn regions_may_nest_as_deep_as_they_like() {
    let mut picture = Picture { regions: vec![Region::default()], ..Picture::default() };
    for depth in 0..2_000 {
        picture.steps.push(Step::new("deeper", depth, Kind::Each));
        picture.regions.push(Region { parent: Some(depth), ..Region::default() });
    }
    assert_eq!(picture.svg().matches("</tspan>deeper</text>").count(), 2_000);
}

#[test]
fn names_from_outside_are_text_and_nothing_else() {
    for name in ["</text></svg><script>alert(1)</script>", "a & b &lt;", "\"'>", "\u{1b}[31m\0", "]]>"] {
        let mut picture = picture();
        picture.regions[1].label = name.to_owned();
        (picture.title, picture.note) = (name.to_owned(), name.to_owned());
        picture.steps[0] = Step { details: vec![name.to_owned()], ..Step::new(name, 0, Kind::Call) };
        let svg = picture.svg();
        let document = roxmltree::Document::parse(&svg).unwrap_or_else(|error| panic!("{error}: {svg}"));
        let scripts = document.descendants().filter(|node| node.has_tag_name("script")).count();
        let shown = crate::printable(name);
        let texts = document.descendants().filter(|node| node.is_text() && node.text() == Some(&shown)).count();
        // The title twice, the note, the label, the name, what is told of it and what stands under it.
        assert_eq!((scripts, texts), (0, 7), "{svg}");
    }
}
