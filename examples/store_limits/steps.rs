//! A chain of 200 steps, each of which hands its input on.

use flow_runtime::prelude::*;

#[node]
async fn copy(bytes: &[u8]) -> Vec<u8> {
    bytes.to_vec()
}

workflow! {
    /// Hands its input through 200 steps.
    pub(crate) fn chain(bytes: Vec<u8>) -> Vec<u8> {
        let s1 = copy(bytes); let s2 = copy(s1); let s3 = copy(s2); let s4 = copy(s3);
        let s5 = copy(s4); let s6 = copy(s5); let s7 = copy(s6); let s8 = copy(s7);
        let s9 = copy(s8); let s10 = copy(s9); let s11 = copy(s10); let s12 = copy(s11);
        let s13 = copy(s12); let s14 = copy(s13); let s15 = copy(s14); let s16 = copy(s15);
        let s17 = copy(s16); let s18 = copy(s17); let s19 = copy(s18); let s20 = copy(s19);
        let s21 = copy(s20); let s22 = copy(s21); let s23 = copy(s22); let s24 = copy(s23);
        let s25 = copy(s24); let s26 = copy(s25); let s27 = copy(s26); let s28 = copy(s27);
        let s29 = copy(s28); let s30 = copy(s29); let s31 = copy(s30); let s32 = copy(s31);
        let s33 = copy(s32); let s34 = copy(s33); let s35 = copy(s34); let s36 = copy(s35);
        let s37 = copy(s36); let s38 = copy(s37); let s39 = copy(s38); let s40 = copy(s39);
        let s41 = copy(s40); let s42 = copy(s41); let s43 = copy(s42); let s44 = copy(s43);
        let s45 = copy(s44); let s46 = copy(s45); let s47 = copy(s46); let s48 = copy(s47);
        let s49 = copy(s48); let s50 = copy(s49); let s51 = copy(s50); let s52 = copy(s51);
        let s53 = copy(s52); let s54 = copy(s53); let s55 = copy(s54); let s56 = copy(s55);
        let s57 = copy(s56); let s58 = copy(s57); let s59 = copy(s58); let s60 = copy(s59);
        let s61 = copy(s60); let s62 = copy(s61); let s63 = copy(s62); let s64 = copy(s63);
        let s65 = copy(s64); let s66 = copy(s65); let s67 = copy(s66); let s68 = copy(s67);
        let s69 = copy(s68); let s70 = copy(s69); let s71 = copy(s70); let s72 = copy(s71);
        let s73 = copy(s72); let s74 = copy(s73); let s75 = copy(s74); let s76 = copy(s75);
        let s77 = copy(s76); let s78 = copy(s77); let s79 = copy(s78); let s80 = copy(s79);
        let s81 = copy(s80); let s82 = copy(s81); let s83 = copy(s82); let s84 = copy(s83);
        let s85 = copy(s84); let s86 = copy(s85); let s87 = copy(s86); let s88 = copy(s87);
        let s89 = copy(s88); let s90 = copy(s89); let s91 = copy(s90); let s92 = copy(s91);
        let s93 = copy(s92); let s94 = copy(s93); let s95 = copy(s94); let s96 = copy(s95);
        let s97 = copy(s96); let s98 = copy(s97); let s99 = copy(s98); let s100 = copy(s99);
        let s101 = copy(s100); let s102 = copy(s101); let s103 = copy(s102); let s104 = copy(s103);
        let s105 = copy(s104); let s106 = copy(s105); let s107 = copy(s106); let s108 = copy(s107);
        let s109 = copy(s108); let s110 = copy(s109); let s111 = copy(s110); let s112 = copy(s111);
        let s113 = copy(s112); let s114 = copy(s113); let s115 = copy(s114); let s116 = copy(s115);
        let s117 = copy(s116); let s118 = copy(s117); let s119 = copy(s118); let s120 = copy(s119);
        let s121 = copy(s120); let s122 = copy(s121); let s123 = copy(s122); let s124 = copy(s123);
        let s125 = copy(s124); let s126 = copy(s125); let s127 = copy(s126); let s128 = copy(s127);
        let s129 = copy(s128); let s130 = copy(s129); let s131 = copy(s130); let s132 = copy(s131);
        let s133 = copy(s132); let s134 = copy(s133); let s135 = copy(s134); let s136 = copy(s135);
        let s137 = copy(s136); let s138 = copy(s137); let s139 = copy(s138); let s140 = copy(s139);
        let s141 = copy(s140); let s142 = copy(s141); let s143 = copy(s142); let s144 = copy(s143);
        let s145 = copy(s144); let s146 = copy(s145); let s147 = copy(s146); let s148 = copy(s147);
        let s149 = copy(s148); let s150 = copy(s149); let s151 = copy(s150); let s152 = copy(s151);
        let s153 = copy(s152); let s154 = copy(s153); let s155 = copy(s154); let s156 = copy(s155);
        let s157 = copy(s156); let s158 = copy(s157); let s159 = copy(s158); let s160 = copy(s159);
        let s161 = copy(s160); let s162 = copy(s161); let s163 = copy(s162); let s164 = copy(s163);
        let s165 = copy(s164); let s166 = copy(s165); let s167 = copy(s166); let s168 = copy(s167);
        let s169 = copy(s168); let s170 = copy(s169); let s171 = copy(s170); let s172 = copy(s171);
        let s173 = copy(s172); let s174 = copy(s173); let s175 = copy(s174); let s176 = copy(s175);
        let s177 = copy(s176); let s178 = copy(s177); let s179 = copy(s178); let s180 = copy(s179);
        let s181 = copy(s180); let s182 = copy(s181); let s183 = copy(s182); let s184 = copy(s183);
        let s185 = copy(s184); let s186 = copy(s185); let s187 = copy(s186); let s188 = copy(s187);
        let s189 = copy(s188); let s190 = copy(s189); let s191 = copy(s190); let s192 = copy(s191);
        let s193 = copy(s192); let s194 = copy(s193); let s195 = copy(s194); let s196 = copy(s195);
        let s197 = copy(s196); let s198 = copy(s197); let s199 = copy(s198);
        copy(s199)
    }
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn b42_a_chain_of_200_steps_survives_a_crash_at_each_commit() {
        let killed = flow_runtime::testing::crash_everywhere(|| super::chain(vec![7; 100])).await.unwrap();
        assert_eq!(killed.len(), 2 * 201);
    }
}
