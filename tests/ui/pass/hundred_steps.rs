//! A hundred steps and more in one workflow.

use flow_runtime::prelude::*;

#[node]
async fn work(a: u64, b: u64) -> u64 {
    a + b
}

workflow! {
    pub fn flow(x: u64, xs: Vec<u64>) -> u64 {
        let s0 = work(x, x + 1);
        let s1 = work(s0, x + 1);
        let s2 = work(s1, x + 1);
        let s3 = work(s2, s0 + 1);
        let s4 = work(s3, s1 + 1);
        let s5 = work(s4, s2 + 1);
        let s6 = work(s5, s3 + 1);
        let s7 = match s6 { 0 => s5, v => #[id = "c"] work(v, x) };
        let s8 = work(s7, s5 + 1);
        let v9 = for y in xs { #[id = "c"] work(y, s8) };
        let s9 = v9.len() as u64;
        let s10 = work(s9, s7 + 1);
        let s11 = work(s10, s8 + 1);
        let s12 = work(s11, s9 + 1);
        let s13 = work(s12, s10 + 1);
        let s14 = work(s13, s11 + 1);
        let s15 = work(s14, s12 + 1);
        let s16 = work(s15, s13 + 1);
        let s17 = match s16 { 0 => s15, v => #[id = "c"] work(v, x) };
        let s18 = work(s17, s15 + 1);
        let v19 = for y in xs { #[id = "c"] work(y, s18) };
        let s19 = v19.len() as u64;
        let s20 = work(s19, s17 + 1);
        let s21 = work(s20, s18 + 1);
        let s22 = work(s21, s19 + 1);
        let s23 = work(s22, s20 + 1);
        let s24 = work(s23, s21 + 1);
        let s25 = work(s24, s22 + 1);
        let s26 = work(s25, s23 + 1);
        let s27 = match s26 { 0 => s25, v => #[id = "c"] work(v, x) };
        let s28 = work(s27, s25 + 1);
        let v29 = for y in xs { #[id = "c"] work(y, s28) };
        let s29 = v29.len() as u64;
        let s30 = work(s29, s27 + 1);
        let s31 = work(s30, s28 + 1);
        let s32 = work(s31, s29 + 1);
        let s33 = work(s32, s30 + 1);
        let s34 = work(s33, s31 + 1);
        let s35 = work(s34, s32 + 1);
        let s36 = work(s35, s33 + 1);
        let s37 = match s36 { 0 => s35, v => #[id = "c"] work(v, x) };
        let s38 = work(s37, s35 + 1);
        let v39 = for y in xs { #[id = "c"] work(y, s38) };
        let s39 = v39.len() as u64;
        let s40 = work(s39, s37 + 1);
        let s41 = work(s40, s38 + 1);
        let s42 = work(s41, s39 + 1);
        let s43 = work(s42, s40 + 1);
        let s44 = work(s43, s41 + 1);
        let s45 = work(s44, s42 + 1);
        let s46 = work(s45, s43 + 1);
        let s47 = match s46 { 0 => s45, v => #[id = "c"] work(v, x) };
        let s48 = work(s47, s45 + 1);
        let v49 = for y in xs { #[id = "c"] work(y, s48) };
        let s49 = v49.len() as u64;
        let s50 = work(s49, s47 + 1);
        let s51 = work(s50, s48 + 1);
        let s52 = work(s51, s49 + 1);
        let s53 = work(s52, s50 + 1);
        let s54 = work(s53, s51 + 1);
        let s55 = work(s54, s52 + 1);
        let s56 = work(s55, s53 + 1);
        let s57 = match s56 { 0 => s55, v => #[id = "c"] work(v, x) };
        let s58 = work(s57, s55 + 1);
        let v59 = for y in xs { #[id = "c"] work(y, s58) };
        let s59 = v59.len() as u64;
        let s60 = work(s59, s57 + 1);
        let s61 = work(s60, s58 + 1);
        let s62 = work(s61, s59 + 1);
        let s63 = work(s62, s60 + 1);
        let s64 = work(s63, s61 + 1);
        let s65 = work(s64, s62 + 1);
        let s66 = work(s65, s63 + 1);
        let s67 = match s66 { 0 => s65, v => #[id = "c"] work(v, x) };
        let s68 = work(s67, s65 + 1);
        let v69 = for y in xs { #[id = "c"] work(y, s68) };
        let s69 = v69.len() as u64;
        let s70 = work(s69, s67 + 1);
        let s71 = work(s70, s68 + 1);
        let s72 = work(s71, s69 + 1);
        let s73 = work(s72, s70 + 1);
        let s74 = work(s73, s71 + 1);
        let s75 = work(s74, s72 + 1);
        let s76 = work(s75, s73 + 1);
        let s77 = match s76 { 0 => s75, v => #[id = "c"] work(v, x) };
        let s78 = work(s77, s75 + 1);
        let v79 = for y in xs { #[id = "c"] work(y, s78) };
        let s79 = v79.len() as u64;
        let s80 = work(s79, s77 + 1);
        let s81 = work(s80, s78 + 1);
        let s82 = work(s81, s79 + 1);
        let s83 = work(s82, s80 + 1);
        let s84 = work(s83, s81 + 1);
        let s85 = work(s84, s82 + 1);
        let s86 = work(s85, s83 + 1);
        let s87 = match s86 { 0 => s85, v => #[id = "c"] work(v, x) };
        let s88 = work(s87, s85 + 1);
        let v89 = for y in xs { #[id = "c"] work(y, s88) };
        let s89 = v89.len() as u64;
        let s90 = work(s89, s87 + 1);
        let s91 = work(s90, s88 + 1);
        let s92 = work(s91, s89 + 1);
        let s93 = work(s92, s90 + 1);
        let s94 = work(s93, s91 + 1);
        let s95 = work(s94, s92 + 1);
        let s96 = work(s95, s93 + 1);
        let s97 = match s96 { 0 => s95, v => #[id = "c"] work(v, x) };
        let s98 = work(s97, s95 + 1);
        let v99 = for y in xs { #[id = "c"] work(y, s98) };
        let s99 = v99.len() as u64;
        s99
    }
}

fn main() {
    assert_eq!(flow::plan().steps.len(), 120);
}
