//! How what is drawn looks. All of it is said of what is inside `.flow-picture`, so that a page keeps its own looks.

/// How text and forms look. Colours of forms are such that they can be seen on white and on black; text has the colour
/// that the place has.
pub(super) const STYLE: &str = "\
.flow-picture{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;font-size:13px}
.flow-picture text{fill:currentColor}
.flow-picture .title{font-size:15px;font-weight:600}
.flow-picture .name{font-weight:600}
.flow-picture .keyword{font-weight:400;opacity:.7}
.flow-picture .small{font-size:11px;opacity:.8}
.flow-picture .box{stroke-width:1.4;fill-opacity:.1}
.flow-picture .frame{stroke-width:1.4;fill-opacity:.05}
.flow-picture .arm{fill:#8b949e;fill-opacity:.07;stroke:#8b949e;stroke-width:1;stroke-dasharray:2 3}
.flow-picture .line{fill:none;stroke:#8b949e;stroke-width:1.5}
.flow-picture .after{stroke-dasharray:5 4}
.flow-picture .head{fill:#8b949e}
.flow-picture .pale{opacity:.35}
.flow-picture .call{fill:#4c8bf5;stroke:#4c8bf5}
.flow-picture .wait{fill:#d29922;stroke:#d29922}
.flow-picture .branch{fill:#a371f7;stroke:#a371f7}
.flow-picture .each{fill:#1f9e8f;stroke:#1f9e8f}
.flow-picture .sub{fill:#8b949e;stroke:#8b949e}
.flow-picture .open{fill:#8b949e;stroke:#8b949e}
.flow-picture .running{fill:#2f81f7;stroke:#2f81f7}
.flow-picture .waiting{fill:#d29922;stroke:#d29922}
.flow-picture .completed{fill:#2da44e;stroke:#2da44e}
.flow-picture .failed{fill:#e5534b;stroke:#e5534b}
.flow-picture .stopped{fill:#768390;stroke:#768390}
.flow-picture .undone{fill:#c965c3;stroke:#c965c3}
";

/// What only a file of its own has: colours of text and background.
pub(super) const FILE_STYLE: &str = "\
.flow-picture{color:#1f2328}
.flow-picture .back{fill:#fff}
@media(prefers-color-scheme:dark){.flow-picture{color:#e6edf3}.flow-picture .back{fill:#0d1117}}
";
