//! Application state of which each of many nodes takes a part of its own.

use flow_runtime::{Engine, Provide, node, workflow};

struct Part<const N: usize>(u64);

struct App(Part<1>, Part<2>, Part<3>, Part<4>, Part<5>, Part<6>, Part<7>, Part<8>, Part<9>);

macro_rules! nodes {
    ($($name:ident $part:ty, $field:tt;)*) => {
        $(
            impl Provide<$part> for App {
                fn provide(&self) -> &$part {
                    &self.$field
                }
            }

            #[node]
            async fn $name(#[state] part: &$part) -> u64 {
                part.0
            }
        )*
    };
}

nodes! {
    one Part<1>, 0;
    two Part<2>, 1;
    three Part<3>, 2;
    four Part<4>, 3;
    five Part<5>, 4;
    six Part<6>, 5;
    seven Part<7>, 6;
    eight Part<8>, 7;
    nine Part<9>, 8;
}

workflow! {
    /// More nodes than are required together.
    fn all_parts() -> [u64; 9] {
        let (a, b, c) = (one(), two(), three());
        let (d, e, f) = (four(), five(), six());
        let (g, h, i) = (seven(), eight(), nine());
        [a, b, c, d, e, f, g, h, i]
    }
}

#[tokio::test]
async fn each_of_many_nodes_gets_its_part_of_the_state() {
    let app = App(Part(1), Part(2), Part(3), Part(4), Part(5), Part(6), Part(7), Part(8), Part(9));
    let engine = Engine::ephemeral().state(app).build();
    assert_eq!(all_parts().run_ephemeral(&engine).await.unwrap(), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
}
