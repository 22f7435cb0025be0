//! The shapes as workflows. Local macros write out what is regular; what they write is what a user would.

use flow_runtime::prelude::*;
use harness::gate::Gate;
use harness::shape;

#[node]
async fn next(x: u64) -> u64 {
    shape::next(x)
}

#[node]
async fn busy(x: u64) -> u64 {
    shape::busy(x)
}

#[node]
async fn slow(x: u64) -> u64 {
    shape::slow(x).await
}

#[node]
async fn total(xs: &[u64]) -> u64 {
    shape::total(xs)
}

#[node]
#[expect(clippy::too_many_arguments, reason = "as many as the shape has edges")]
async fn mixed(x1: u64, x2: u64, x3: u64, x4: u64, x5: u64, x6: u64, x7: u64, x8: u64) -> u64 {
    shape::mixed([x1, x2, x3, x4, x5, x6, x7, x8])
}

#[node]
async fn gated(#[state] gate: &Gate, x: u64) -> u64 {
    gate.pass().await;
    shape::next(x)
}

#[node]
async fn copied(text: &str) -> String {
    text.to_owned()
}

/// A chain: each step takes what the one before it gave. The last runs a node of its own.
macro_rules! chain {
    ($name:ident($x:ident), at last $node:ident: $($step:ident)+) => {
        chain!(@ $name($x), $node, $x, {} $($step)+);
    };
    (@ $name:ident($x:ident), $node:ident, $before:ident, { $($lets:tt)* } $step:ident $($rest:ident)+) => {
        chain!(@ $name($x), $node, $step, { $($lets)* let $step = next($before); } $($rest)+);
    };
    (@ $name:ident($x:ident), $node:ident, $before:ident, { $($lets:tt)* } $last:ident) => {
        workflow! {
            pub(super) fn $name($x: u64) -> u64 {
                $($lets)*
                let $last = $node($before);
                $last
            }
        }
    };
}

/// A fan: the steps between the first and the last are beside each other.
macro_rules! fan {
    ($name:ident of $node:ident: $($step:ident)+) => {
        workflow! {
            pub(super) fn $name(x: u64) -> u64 {
                let first = next(x);
                $(let $step = $node(first);)+
                total(&[$($step),+])
            }
        }
    };
}

/// Layers: each step takes eight outputs of the layer before it.
macro_rules! layers {
    ($name:ident($x:ident): [$($first:ident)+] $($rest:tt)+) => {
        layers!(@ $name($x), [$($first)+], { $(let $first = next($x);)+ } $($rest)+);
    };
    (@ $name:ident($x:ident), [$p0:ident $p1:ident $p2:ident $p3:ident $p4:ident $p5:ident $p6:ident $p7:ident $p8:ident $p9:ident],
        { $($lets:tt)* } [$n0:ident $n1:ident $n2:ident $n3:ident $n4:ident $n5:ident $n6:ident $n7:ident $n8:ident $n9:ident] $($rest:tt)*
    ) => {
        layers!(@ $name($x), [$n0 $n1 $n2 $n3 $n4 $n5 $n6 $n7 $n8 $n9],
            {
                $($lets)*
                let $n0 = mixed($p0, $p1, $p2, $p3, $p4, $p5, $p6, $p7);
                let $n1 = mixed($p1, $p2, $p3, $p4, $p5, $p6, $p7, $p8);
                let $n2 = mixed($p2, $p3, $p4, $p5, $p6, $p7, $p8, $p9);
                let $n3 = mixed($p3, $p4, $p5, $p6, $p7, $p8, $p9, $p0);
                let $n4 = mixed($p4, $p5, $p6, $p7, $p8, $p9, $p0, $p1);
                let $n5 = mixed($p5, $p6, $p7, $p8, $p9, $p0, $p1, $p2);
                let $n6 = mixed($p6, $p7, $p8, $p9, $p0, $p1, $p2, $p3);
                let $n7 = mixed($p7, $p8, $p9, $p0, $p1, $p2, $p3, $p4);
                let $n8 = mixed($p8, $p9, $p0, $p1, $p2, $p3, $p4, $p5);
                let $n9 = mixed($p9, $p0, $p1, $p2, $p3, $p4, $p5, $p6);
            }
            $($rest)*
        );
    };
    (@ $name:ident($x:ident), [$one:ident $($more:ident)+], { $($lets:tt)* }) => {
        workflow! {
            pub(super) fn $name($x: u64) -> u64 {
                $($lets)*
                $one $(+ $more)+
            }
        }
    };
}

/// Two chains beside each other, whose slow steps take turns.
macro_rules! straggler {
    ($name:ident($x:ident): $($rest:tt)+) => { straggler!(@ $name($x), $x, $x, {} $($rest)+); };
    (@ $name:ident($x:ident), $a:ident, $b:ident, { $($lets:tt)* }
        [$a1:ident $a2:ident $b1:ident $b2:ident] $($rest:tt)*
    ) => {
        straggler!(@ $name($x), $a2, $b2,
            {
                $($lets)*
                let $a1 = slow($a);
                let $a2 = next($a1);
                let $b1 = next($b);
                let $b2 = slow($b1);
            }
            $($rest)*
        );
    };
    (@ $name:ident($x:ident), $a:ident, $b:ident, { $($lets:tt)* }) => {
        workflow! {
            pub(super) fn $name($x: u64) -> u64 {
                $($lets)*
                $a + $b
            }
        }
    };
}

chain! {
    chain_100(x), at last next:
    s1 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 s12 s13 s14 s15 s16 s17 s18 s19 s20
    s21 s22 s23 s24 s25 s26 s27 s28 s29 s30 s31 s32 s33 s34 s35 s36 s37 s38 s39 s40
    s41 s42 s43 s44 s45 s46 s47 s48 s49 s50 s51 s52 s53 s54 s55 s56 s57 s58 s59 s60
    s61 s62 s63 s64 s65 s66 s67 s68 s69 s70 s71 s72 s73 s74 s75 s76 s77 s78 s79 s80
    s81 s82 s83 s84 s85 s86 s87 s88 s89 s90 s91 s92 s93 s94 s95 s96 s97 s98 s99 s100
}

fan! {
    fan_100 of next:
    s1 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 s12 s13 s14 s15 s16 s17 s18 s19 s20
    s21 s22 s23 s24 s25 s26 s27 s28 s29 s30 s31 s32 s33 s34 s35 s36 s37 s38 s39 s40
    s41 s42 s43 s44 s45 s46 s47 s48 s49 s50 s51 s52 s53 s54 s55 s56 s57 s58 s59 s60
    s61 s62 s63 s64 s65 s66 s67 s68 s69 s70 s71 s72 s73 s74 s75 s76 s77 s78 s79 s80
    s81 s82 s83 s84 s85 s86 s87 s88 s89 s90 s91 s92 s93 s94 s95 s96 s97 s98 s99 s100
}

fan! {
    fan_100_busy of busy:
    s1 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 s12 s13 s14 s15 s16 s17 s18 s19 s20
    s21 s22 s23 s24 s25 s26 s27 s28 s29 s30 s31 s32 s33 s34 s35 s36 s37 s38 s39 s40
    s41 s42 s43 s44 s45 s46 s47 s48 s49 s50 s51 s52 s53 s54 s55 s56 s57 s58 s59 s60
    s61 s62 s63 s64 s65 s66 s67 s68 s69 s70 s71 s72 s73 s74 s75 s76 s77 s78 s79 s80
    s81 s82 s83 s84 s85 s86 s87 s88 s89 s90 s91 s92 s93 s94 s95 s96 s97 s98 s99 s100
}

fan! { diamond_6 of next: left middle right other }

layers! {
    layers_10x10(x):
    [a0 a1 a2 a3 a4 a5 a6 a7 a8 a9]
    [b0 b1 b2 b3 b4 b5 b6 b7 b8 b9]
    [c0 c1 c2 c3 c4 c5 c6 c7 c8 c9]
    [d0 d1 d2 d3 d4 d5 d6 d7 d8 d9]
    [e0 e1 e2 e3 e4 e5 e6 e7 e8 e9]
    [f0 f1 f2 f3 f4 f5 f6 f7 f8 f9]
    [g0 g1 g2 g3 g4 g5 g6 g7 g8 g9]
    [h0 h1 h2 h3 h4 h5 h6 h7 h8 h9]
    [i0 i1 i2 i3 i4 i5 i6 i7 i8 i9]
    [j0 j1 j2 j3 j4 j5 j6 j7 j8 j9]
}

straggler! {
    straggler_2x50(x):
    [a1 a2 b1 b2] [a3 a4 b3 b4] [a5 a6 b5 b6] [a7 a8 b7 b8] [a9 a10 b9 b10]
    [a11 a12 b11 b12] [a13 a14 b13 b14] [a15 a16 b15 b16] [a17 a18 b17 b18] [a19 a20 b19 b20]
    [a21 a22 b21 b22] [a23 a24 b23 b24] [a25 a26 b25 b26] [a27 a28 b27 b28] [a29 a30 b29 b30]
    [a31 a32 b31 b32] [a33 a34 b33 b34] [a35 a36 b35 b36] [a37 a38 b37 b38] [a39 a40 b39 b40]
    [a41 a42 b41 b42] [a43 a44 b43 b44] [a45 a46 b45 b46] [a47 a48 b47 b48] [a49 a50 b49 b50]
}

workflow! {
    pub(super) fn items(xs: Vec<u64>) -> u64 {
        let ys = for x in xs { next(x) };
        total(ys)
    }
}

workflow! {
    pub(super) fn texts_10(text: String) -> String {
        let s1 = copied(text);
        let s2 = copied(s1);
        let s3 = copied(s2);
        let s4 = copied(s3);
        let s5 = copied(s4);
        let s6 = copied(s5);
        let s7 = copied(s6);
        let s8 = copied(s7);
        let s9 = copied(s8);
        copied(s9)
    }

    pub(super) fn one(x: u64) -> u64 { next(x) }

    pub(super) fn waiting() -> u64 {
        let word = wait_for::<u64>("word");
        gated(word)
    }
}

chain! {
    resumed_100(x), at last gated:
    s1 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 s12 s13 s14 s15 s16 s17 s18 s19 s20
    s21 s22 s23 s24 s25 s26 s27 s28 s29 s30 s31 s32 s33 s34 s35 s36 s37 s38 s39 s40
    s41 s42 s43 s44 s45 s46 s47 s48 s49 s50 s51 s52 s53 s54 s55 s56 s57 s58 s59 s60
    s61 s62 s63 s64 s65 s66 s67 s68 s69 s70 s71 s72 s73 s74 s75 s76 s77 s78 s79 s80
    s81 s82 s83 s84 s85 s86 s87 s88 s89 s90 s91 s92 s93 s94 s95 s96 s97 s98 s99 s100
}
