//! THE table of commands. Dispatch, footer, `?` help, `netsec keys`, the key table of the README,
//! plain mode's numbered choices and `[ui.keys]` are all printed or checked from this one slice.

/// The screens there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Screen {
    /// Pipeline, what needs me, runs, health.
    Home,
    /// Rows: a run's, a file's, a collection's.
    Data,
    /// Checks and drift of a run.
    Validation,
    /// Curves and leaderboard of a run.
    Training,
    /// Two models side by side.
    Comparison,
    /// Plans that wait for a decision.
    Approval,
    /// Every run, with filter, order and marks.
    Runs,
    /// The log of a run.
    Logs,
}

impl Screen {
    /// Every screen in the order of the tab line.
    pub const ALL: [Screen; 8] = [
        Screen::Home,
        Screen::Data,
        Screen::Validation,
        Screen::Training,
        Screen::Comparison,
        Screen::Approval,
        Screen::Runs,
        Screen::Logs,
    ];
    /// The name in a tab line without much room.
    pub fn short_title(self) -> &'static str {
        match self {
            Screen::Validation => "Valid",
            Screen::Comparison => "Comp",
            Screen::Approval => "Appr",
            Screen::Home | Screen::Data | Screen::Training | Screen::Runs | Screen::Logs => {
                self.title()
            }
        }
    }
    /// The name in the tab line.
    pub fn title(self) -> &'static str {
        match self {
            Screen::Home => "Home",
            Screen::Data => "Data",
            Screen::Validation => "Validate",
            Screen::Training => "Train",
            Screen::Comparison => "Compare",
            Screen::Approval => "Approve",
            Screen::Runs => "Runs",
            Screen::Logs => "Logs",
        }
    }
}

/// Where a command's keys work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// On every screen.
    Everywhere,
    /// On these screens.
    On(&'static [Screen]),
    /// While a dialog is open.
    Dialog,
}

impl Scope {
    /// Whether keys of the scope work on a screen without a dialog.
    pub fn covers(self, screen: Screen) -> bool {
        match self {
            Scope::Everywhere => true,
            Scope::On(screens) => screens.contains(&screen),
            Scope::Dialog => false,
        }
    }
    /// Whether a key can mean both at the same time.
    pub fn overlaps(self, other: Scope) -> bool {
        match (self, other) {
            (Scope::Dialog, Scope::Dialog) => true,
            (Scope::Dialog, _) | (_, Scope::Dialog) => false,
            _ => Screen::ALL
                .into_iter()
                .any(|s| self.covers(s) && other.covers(s)),
        }
    }
    /// The heading in help and key tables.
    pub fn title(self) -> String {
        match self {
            Scope::Everywhere => "Everywhere".to_owned(),
            Scope::Dialog => "In a dialog".to_owned(),
            Scope::On(screens) => screens
                .iter()
                .map(|s| s.title())
                .collect::<Vec<_>>()
                .join(" and "),
        }
    }
}

/// What a command can do to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Risk {
    /// Only looks.
    None,
    /// Writes, after a dialog asked or in a way that loses nothing.
    Writes,
    /// Touches what is in production: no default key, always a dialog with typed confirmation.
    Production,
}

/// Every command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "each is documented by its row in `COMMANDS`, which is what people read"
)]
pub enum Command {
    Quit,
    Help,
    Palette,
    Copy,
    LastError,
    Redraw,
    Suspend,
    CycleGlyphs,
    ShowLink,
    CycleTheme,
    ToggleMouse,
    Back,
    GoHome,
    GoData,
    GoValidation,
    GoTraining,
    GoComparison,
    GoApproval,
    GoRuns,
    GoLogs,
    Up,
    Down,
    PageUp,
    PageDown,
    Start,
    End,
    Open,
    NewRun,
    StopAfterRound,
    CancelRun,
    ResumeRun,
    QueueSooner,
    MarkRead,
    QueueStart,
    NextLearner,
    PreviousLearner,
    NextMetric,
    FollowLearner,
    Decide,
    Approve,
    Reject,
    OpenRun,
    SortRuns,
    FilterRuns,
    MarkRun,
    CompareChampion,
    CompareMarked,
    NextPane,
    PreviousPane,
    LogLevel,
    LogStage,
    FindLog,
    Replay,
    ReplayBack,
    ReplayForward,
    ReplayStageBack,
    ReplayStageForward,
    FindingDetail,
    NextSection,
    PreviousSection,
    SortFindings,
    ToggleProblems,
    FindingRows,
    AcknowledgeFinding,
    CopyFinding,
    OpenDisagreements,
    DataDetails,
    DataOpen,
    DataPart,
    DataLeft,
    DataRight,
    DataFirstColumn,
    DataLastColumn,
    DataFreeze,
    DataNarrower,
    DataWider,
    DataHide,
    DataColumnLeft,
    DataColumnRight,
    DataColumns,
    DataSort,
    DataSortAlso,
    DataFilter,
    DataSame,
    DataFacet,
    DataProfile,
    DataFind,
    DataFindNext,
    DataFindPrevious,
    DataUndo,
    DataCopyCell,
    DataCopyRows,
    DataExport,
    DialogNext,
    DialogPrevious,
    DialogDown,
    DialogUp,
    DialogPageDown,
    DialogPageUp,
    DialogActivate,
    DialogClose,
}

impl Command {
    /// Whether it is one of the Data screen.
    pub fn of_data(self) -> bool {
        of(self).scope == DATA
    }
    /// Whether it needs a table that is open.
    pub fn needs_rows(self) -> bool {
        self.of_data() && !matches!(self, Command::DataOpen | Command::DataPart)
    }
}

/// One row of the table.
#[derive(Debug)]
pub struct CommandSpec {
    /// Kebab-case id, `training.stop-after-round`.
    pub id: &'static str,
    /// What runs.
    pub command: Command,
    /// One or two words for the footer.
    pub label: &'static str,
    /// The name in help.
    pub title: &'static str,
    /// What it does, a sentence.
    pub doc: &'static str,
    /// Where its keys work.
    pub scope: Scope,
    /// Default keys.
    pub keys: &'static [&'static str],
    /// What it can do.
    pub risk: Risk,
    /// Place in the footer, smallest first; 0 keeps it out.
    pub footer: u8,
    /// The same action as a shell command; `{run}` and `{plan}` are filled in.
    pub shell: Option<&'static str>,
}

const RUNS: Scope = Scope::On(&[Screen::Home, Screen::Training, Screen::Runs]);
const RUN_LIST: Scope = Scope::On(&[Screen::Runs]);
const COMPARISON: Scope = Scope::On(&[Screen::Comparison]);
const DATA: Scope = Scope::On(&[Screen::Data]);
const LOGS: Scope = Scope::On(&[Screen::Logs]);
const RECORDING: Scope = Scope::On(&[Screen::Home, Screen::Training, Screen::Runs, Screen::Logs]);
const HOME: Scope = Scope::On(&[Screen::Home]);
const TRAINING: Scope = Scope::On(&[Screen::Training]);
const VALIDATION: Scope = Scope::On(&[Screen::Validation]);
const APPROVAL: Scope = Scope::On(&[Screen::Approval]);

/// A row that only looks and stays out of the footer.
const fn spec(
    id: &'static str,
    command: Command,
    scope: Scope,
    keys: &'static [&'static str],
    label: &'static str,
    title: &'static str,
    doc: &'static str,
) -> CommandSpec {
    CommandSpec {
        id,
        command,
        label,
        title,
        doc,
        scope,
        keys,
        risk: Risk::None,
        footer: 0,
        shell: None,
    }
}

impl CommandSpec {
    const fn footer(mut self, place: u8) -> Self {
        self.footer = place;
        self
    }
    const fn risk(mut self, risk: Risk) -> Self {
        self.risk = risk;
        self
    }
    const fn shell(mut self, command: &'static str) -> Self {
        self.shell = Some(command);
        self
    }
}

/// Every command there is.
#[rustfmt::skip]
pub static COMMANDS: &[CommandSpec] = &[
    spec("home.open", Command::Open, HOME, &["enter"], "open", "Open the row under the cursor",
         "Opens the Train screen of the run, or the Approve screen of the waiting plan.").footer(1).shell("netsec show {run}"),
    spec("home.mark-read", Command::MarkRead, HOME, &["m"], "mark read", "Mark what is new as read",
         "Takes the list of what happened since you were last here off the screen.").footer(6),
    spec("run.new", Command::NewRun, RUNS, &["n"], "new run..", "Start a retrain",
         "Opens a form over the settings: data, learners, folds, rounds, cores, note; starts the run in its own worker process, or queues it.").footer(5).risk(Risk::Writes).shell("netsec retrain --detach"),
    spec("run.stop-after-round", Command::StopAfterRound, RUNS, &["c"], "stop", "Stop after this round",
         "Lets the learner finish the round and keeps the best model so far.").footer(3).risk(Risk::Writes).shell("netsec stop {run}"),
    spec("run.cancel", Command::CancelRun, RUNS, &["x"], "cancel..", "Cancel the run",
         "Asks, then ends the run now; finished stages are kept for a resume. On a queued run: takes it out of the queue.").footer(4).risk(Risk::Writes).shell("netsec cancel {run}"),
    spec("run.resume", Command::ResumeRun, RUNS, &["r"], "resume..", "Resume the run",
         "Asks, then goes on from the last good stage of a crashed, failed or cancelled run.").footer(6).risk(Risk::Writes).shell("netsec resume {run}"),

    spec("training.next-learner", Command::NextLearner, TRAINING, &["tab", "right", "l"], "learner", "Show the next learner",
         "Moves the plots and the cursor of the leaderboard to the next learner.").footer(1),
    spec("training.previous-learner", Command::PreviousLearner, TRAINING, &["shift-tab", "left", "h"], "previous", "Show the previous learner",
         "Moves the plots and the cursor of the leaderboard to the previous learner."),
    spec("training.next-metric", Command::NextMetric, TRAINING, &["m"], "metric", "Show the next metric",
         "Cycles the plots through the metrics the learner reports.").footer(2),
    spec("training.follow-learner", Command::FollowLearner, TRAINING, &["f"], "follow", "Follow the learner at work",
         "The plots move on by themselves when the next learner begins.").footer(7),

    spec("validation.detail", Command::FindingDetail, VALIDATION, &["enter"], "detail", "Into the detail, or back",
         "Moves the cursor keys into the detail of the finding, and looks for the slices a drift comes from; again returns to the list.").footer(1).shell("netsec drift {run}"),
    spec("validation.next-section", Command::NextSection, VALIDATION, &["tab", "right", "l"], "section", "Next section",
         "Cycles through the findings, the detail, the label mix and what changed.").footer(2),
    spec("validation.previous-section", Command::PreviousSection, VALIDATION, &["shift-tab", "left", "h"], "former section", "Former section",
         "Cycles the sections the other way."),
    spec("validation.problems", Command::ToggleProblems, VALIDATION, &["w"], "problems", "Only problems, or everything",
         "Shows every check and every column, or only what somebody should look at.").footer(3).shell("netsec validate {run}"),
    spec("validation.rows", Command::FindingRows, VALIDATION, &["d"], "data rows", "Show the rows behind it",
         "Opens the rows behind the finding on the Data screen.").footer(4).shell("netsec data {run} --filter {filter}"),
    spec("validation.acknowledge", Command::AcknowledgeFinding, VALIDATION, &["a"], "acknowledge..", "Acknowledge the problem",
         "Asks for a note that says why the problem may stay; it goes to whoever approves, and to MLflow.").footer(5).risk(Risk::Writes).shell("netsec acknowledge {run} {check} --note TEXT"),
    spec("validation.sort", Command::SortFindings, VALIDATION, &["s"], "sort", "Change the order",
         "Cycles through the largest first, the most important columns first, by name.").footer(6),
    spec("validation.copy", Command::CopyFinding, VALIDATION, &["y"], "copy", "Copy the finding",
         "Sends the finding as one line to the terminal's clipboard.").footer(7),

    spec("compare.champion", Command::CompareChampion, COMPARISON, &["c"], "champion", "Compare with the champion",
         "Compares the selected run with the model in production, on the run's test rows.").footer(1).shell("netsec compare {run} champion"),
    spec("compare.marked", Command::CompareMarked, COMPARISON, &["v"], "marked", "Compare the marked runs",
         "Compares the two runs marked on Runs with each other.").footer(2),
    spec("compare.next-pane", Command::NextPane, COMPARISON, &["tab", "right", "l"], "next view", "Next view",
         "Cycles through curves, confusion, change, slices, differences and the rows on which the two disagree.").footer(3),
    spec("compare.previous-pane", Command::PreviousPane, COMPARISON, &["shift-tab", "left", "h"], "former view", "Former view",
         "Cycles the views the other way."),

    spec("compare.rows", Command::OpenDisagreements, COMPARISON, &["enter"], "rows", "The rows on which the two disagree",
         "Opens the rows on which the two name different classes on Data.").footer(4),

    spec("data.details", Command::DataDetails, DATA, &["enter"], "row", "The whole row",
         "Shows all columns of the row under the cursor; in a facet, adds the value to the filter.").footer(9),
    spec("data.filter", Command::DataFilter, DATA, &["/"], "filter..", "Filter the rows",
         "Shows the rows that satisfy a condition; says with its place what is wrong with it.").footer(1).shell("netsec data {data}"),
    spec("data.sort", Command::DataSort, DATA, &["s"], "sort", "Sort by this column",
         "Cycles through ascending, descending and none by the column under the cursor.").footer(2).shell("netsec data {data}"),
    spec("data.sort-also", Command::DataSortAlso, DATA, &["S"], "sort also", "Sort by this column as well",
         "Adds the column under the cursor to the order, or cycles it there.").shell("netsec data {data}"),
    spec("data.facet", Command::DataFacet, DATA, &["F"], "facet", "Count the values of this column",
         "Lists the values with counts and shares; Enter adds one to the filter.").footer(3).shell("netsec data {data} --profile"),
    spec("data.column", Command::DataProfile, DATA, &["i"], "column", "Profile of this column",
         "Shows or hides the pane with type, missing values, quantiles, shares and drift of the column.").footer(4).shell("netsec data {data} --profile"),
    spec("data.freeze", Command::DataFreeze, DATA, &["f"], "freeze", "Freeze up to this column",
         "Keeps the columns up to the one under the cursor at the left; again lets them go.").footer(5),
    spec("data.columns", Command::DataColumns, DATA, &["c"], "columns..", "Choose the columns",
         "Shows, hides and moves columns in a list.").footer(6).shell("netsec data {data}"),
    spec("data.export", Command::DataExport, DATA, &["e"], "export..", "Export what is shown",
         "Writes the rows and columns of the view as CSV, Parquet or NDJSON.").footer(7).risk(Risk::Writes).shell("netsec data {data} --export view.csv"),
    spec("data.part", Command::DataPart, DATA, &["t"], "train/test", "Another part of the run",
         "Cycles through the test, quarantine and train rows of the run.").footer(7).shell("netsec data {data}"),
    spec("data.open", Command::DataOpen, DATA, &["o"], "open..", "Open a table",
         "Opens a file, a run or a MongoDB collection.").footer(6).shell("netsec data {data}"),
    spec("data.find", Command::DataFind, DATA, &["ctrl-f"], "find..", "Find a text",
         "Finds a text in the columns shown, from the cursor on."),
    spec("data.find-next", Command::DataFindNext, DATA, &["n"], "next", "Find the next one",
         "Goes to the next row with the text; asks for one when there is none yet.").footer(8),
    spec("data.find-previous", Command::DataFindPrevious, DATA, &["N"], "former", "Find the one before",
         "Goes to the row before with the text."),
    spec("data.same", Command::DataSame, DATA, &["="], "same", "Only rows with this value",
         "Adds the value under the cursor to the filter.").footer(8).shell("netsec data {data}"),
    spec("data.undo", Command::DataUndo, DATA, &["u"], "undo", "Back to the view before",
         "Takes back the last change of filter, order or columns.").footer(5),
    spec("data.copy-cell", Command::DataCopyCell, DATA, &["y"], "copy", "Copy the cell",
         "Sends the cell under the cursor to the clipboard of your terminal.").footer(8),
    spec("data.copy-rows", Command::DataCopyRows, DATA, &["Y"], "copy rows", "Copy the rows seen",
         "Sends the rows and columns on the screen to the clipboard of your terminal as CSV."),
    spec("data.left", Command::DataLeft, DATA, &["left", "h"], "left", "Column to the left", "Moves the cursor one column to the left."),
    spec("data.right", Command::DataRight, DATA, &["right", "l"], "right", "Column to the right", "Moves the cursor one column to the right."),
    spec("data.first-column", Command::DataFirstColumn, DATA, &["^", "0"], "first column", "First column", "Moves the cursor to the first column."),
    spec("data.last-column", Command::DataLastColumn, DATA, &["$"], "last column", "Last column", "Moves the cursor to the last column."),
    spec("data.narrower", Command::DataNarrower, DATA, &["<"], "narrower", "Narrower column", "Takes two characters from the column under the cursor."),
    spec("data.wider", Command::DataWider, DATA, &[">"], "wider", "Wider column", "Gives the column under the cursor two characters more."),
    spec("data.hide", Command::DataHide, DATA, &["H"], "hide", "Hide this column", "Hides the column under the cursor; c brings it back."),
    spec("data.column-left", Command::DataColumnLeft, DATA, &["{"], "move left", "Move the column to the left", "Exchanges the column under the cursor with the one left of it."),
    spec("data.column-right", Command::DataColumnRight, DATA, &["}"], "move right", "Move the column to the right", "Exchanges the column under the cursor with the one right of it."),

    spec("approval.decide", Command::Decide, APPROVAL, &["enter"], "decide..", "Decide on the plan under the cursor",
         "Opens the dialog with evidence, steps and undo; nothing is sent before both fields are valid.").footer(1).risk(Risk::Writes),
    spec("pusher.approve", Command::Approve, APPROVAL, &[], "approve..", "Approve and push",
         "Runs the push plan after a reason and the typed version.").risk(Risk::Production).shell("netsec approve {plan} --reason TEXT"),
    spec("pusher.reject", Command::Reject, APPROVAL, &[], "reject..", "Reject the plan",
         "Refuses the plan with a reason; the champion stays.").risk(Risk::Production).shell("netsec reject {plan} --reason TEXT"),

    spec("runs.open", Command::OpenRun, RUN_LIST, &["enter"], "open", "Open the run",
         "Opens the Train screen of the run under the cursor.").footer(1).shell("netsec show {run}"),
    spec("runs.sort", Command::SortRuns, RUN_LIST, &["s"], "sort", "Change the order",
         "Cycles through newest first, best F1 first, by learner, by person.").footer(2).shell("netsec runs"),
    spec("runs.filter", Command::FilterRuns, RUN_LIST, &["/"], "filter..", "Filter the runs",
         "Shows the runs whose id, state, learner, person or note contain all the words.").footer(2),
    spec("runs.mark", Command::MarkRun, RUN_LIST, &["space"], "mark", "Mark for a comparison",
         "Marks the run under the cursor; two marked runs are compared on Compare.").footer(3),

    spec("queue.sooner", Command::QueueSooner, RUN_LIST, &["+"], "sooner", "Start this queued run sooner",
         "Lets the queued run under the cursor and the one before it change places.").footer(4).risk(Risk::Writes).shell("netsec queue sooner {queued}"),
    spec("queue.start", Command::QueueStart, RUN_LIST, &[], "start queued", "Start the next queued run",
         "Starts the first queued run when no run is at work; a run that could not be started is tried again.").risk(Risk::Writes).shell("netsec queue start"),

    spec("logs.level", Command::LogLevel, LOGS, &["l"], "level", "Change the level",
         "Cycles the smallest level shown through detail, info, warn and error.").footer(1),
    spec("logs.stage", Command::LogStage, LOGS, &["s"], "stage", "Change the stage",
         "Cycles through all stages and each of them.").footer(2),
    spec("logs.find", Command::FindLog, LOGS, &["/"], "find..", "Find in the log",
         "Shows the lines that contain a text.").footer(3).shell("netsec watch {run} --plain"),

    spec("replay.toggle", Command::Replay, RECORDING, &["p"], "replay", "Replay the run",
         "Shows the run from its beginning, to be scrubbed like a recording; again returns to now.").footer(7).shell("netsec watch {run} --plain"),
    spec("replay.forward", Command::ReplayForward, RECORDING, &["]"], "forward", "Replay: forward",
         "Goes on by a fiftieth of the recording.").footer(1),
    spec("replay.back", Command::ReplayBack, RECORDING, &["["], "back", "Replay: back",
         "Goes back by a fiftieth of the recording.").footer(1),
    spec("replay.next-stage", Command::ReplayStageForward, RECORDING, &["}"], "next stage", "Replay: next stage",
         "Goes on to where the next stage begins.").footer(2),
    spec("replay.previous-stage", Command::ReplayStageBack, RECORDING, &["{"], "former stage", "Replay: former stage",
         "Goes back to where the stage before began.").footer(2),

    spec("move.up", Command::Up, Scope::Everywhere, &["up", "k"], "up", "Up", "Moves the cursor one row up."),
    spec("move.down", Command::Down, Scope::Everywhere, &["down", "j"], "down", "Down", "Moves the cursor one row down."),
    spec("move.page-up", Command::PageUp, Scope::Everywhere, &["pageup"], "page up", "Page up", "Moves the cursor ten rows up."),
    spec("move.page-down", Command::PageDown, Scope::Everywhere, &["pagedown"], "page down", "Page down", "Moves the cursor ten rows down."),
    spec("move.start", Command::Start, Scope::Everywhere, &["g", "home"], "start", "First row", "Moves the cursor to the first row."),
    spec("move.end", Command::End, Scope::Everywhere, &["G", "end"], "end", "Last row", "Moves the cursor to the last row."),

    spec("go.home", Command::GoHome, Scope::Everywhere, &["1"], "home", "Home", "Shows the pipeline, what needs you, the runs and the health of the machinery."),
    spec("go.data", Command::GoData, Scope::Everywhere, &["2"], "data", "Data", "Shows the rows of the selected run, of a file or of a collection.").shell("netsec data {run}"),
    spec("go.validation", Command::GoValidation, Scope::Everywhere, &["3"], "validate", "Validate", "Shows the checks and the drift of the selected run.").shell("netsec validate {run}"),
    spec("go.training", Command::GoTraining, Scope::Everywhere, &["4"], "train", "Train", "Shows curves and leaderboard of the selected run.").shell("netsec watch {run}"),
    spec("go.comparison", Command::GoComparison, Scope::Everywhere, &["5"], "compare", "Compare", "Compares the selected run with the champion, or the two marked runs with each other.").shell("netsec compare {run} champion"),
    spec("go.approval", Command::GoApproval, Scope::Everywhere, &["6"], "approve", "Approve", "Shows the plans that wait for a decision.").shell("netsec plan {run}"),
    spec("go.runs", Command::GoRuns, Scope::Everywhere, &["7"], "runs", "Runs", "Shows every run with filter, order and marks.").shell("netsec runs"),
    spec("go.logs", Command::GoLogs, Scope::Everywhere, &["8"], "logs", "Logs", "Shows the log of the selected run.").shell("netsec watch {run} --plain"),
    spec("go.back", Command::Back, Scope::Everywhere, &["esc", "-"], "back", "Back", "Returns to Home.").footer(8),
    spec("view.glyphs", Command::CycleGlyphs, Scope::Everywhere, &["b"], "glyphs", "Change the glyphs", "Cycles plots through braille, block and ascii.").footer(9),
    spec("view.theme", Command::CycleTheme, Scope::Everywhere, &["T"], "theme", "Change the theme", "Cycles through the terminal's own colours, dark, light and two colour-blind sets; [ui] theme keeps one."),
    spec("view.mouse", Command::ToggleMouse, Scope::Everywhere, &["M"], "mouse", "Use the mouse", "Lets clicks choose tabs and rows and the wheel scroll, until pressed again; off, the terminal selects text."),
    spec("view.protocol", Command::ShowLink, Scope::Everywhere, &[], "link", "The link to the terminal", "Shows bytes a second, frames, stalled writes, colours and glyphs; after stalls the console draws less."),
    spec("view.redraw", Command::Redraw, Scope::Everywhere, &["ctrl-l"], "redraw", "Redraw and read again", "Repaints the whole screen and reads runs, plans and champion again."),
    spec("view.last-error", Command::LastError, Scope::Everywhere, &["!"], "last error", "Show the last error", "Shows the last error with what to do about it."),
    spec("app.palette", Command::Palette, Scope::Everywhere, &[":"], "commands", "Commands by name", "Finds any command by a few letters, with its keys and its shell command.").footer(10),
    spec("app.copy", Command::Copy, Scope::Everywhere, &["ctrl-y"], "copy", "Copy as a shell command", "Sends the shell command for what is shown, or for the command chosen in the palette, to the clipboard.").footer(9),
    spec("app.help", Command::Help, Scope::Everywhere, &["?", "f1"], "keys", "Keys", "Lists what can be done here, with keys and shell commands.").footer(11),
    spec("app.suspend", Command::Suspend, Scope::Everywhere, &["ctrl-z"], "suspend", "Suspend", "Gives the terminal back to the shell; `fg` returns. Runs go on."),
    spec("app.quit", Command::Quit, Scope::Everywhere, &["q", "ctrl-c"], "quit", "Quit", "Leaves the console. Runs go on in their own processes.").footer(12),

    spec("dialog.next", Command::DialogNext, Scope::Dialog, &["tab", "right"], "next field", "Next field", "Moves the focus to the next field or button.").footer(1),
    spec("dialog.previous", Command::DialogPrevious, Scope::Dialog, &["shift-tab", "left"], "back", "Previous field", "Moves the focus to the previous field or button."),
    spec("dialog.down", Command::DialogDown, Scope::Dialog, &["down"], "down", "Down", "Scrolls down, or moves the focus on."),
    spec("dialog.up", Command::DialogUp, Scope::Dialog, &["up"], "up", "Up", "Scrolls up, or moves the focus back."),
    spec("dialog.page-down", Command::DialogPageDown, Scope::Dialog, &["pagedown"], "page down", "Page down", "Scrolls ten rows down."),
    spec("dialog.page-up", Command::DialogPageUp, Scope::Dialog, &["pageup"], "page up", "Page up", "Scrolls ten rows up."),
    spec("dialog.activate", Command::DialogActivate, Scope::Dialog, &["enter"], "press", "Press the button", "Presses the button that has the focus; in a field it moves on.").footer(2),
    spec("dialog.close", Command::DialogClose, Scope::Dialog, &["esc"], "close", "Close", "Closes the dialog without doing anything.").footer(3),
];

/// The row of a command.
pub fn of(command: Command) -> &'static CommandSpec {
    COMMANDS
        .iter()
        .find(|s| s.command == command)
        .expect("every command has a row; a test checks it")
}

/// The row of an id.
pub fn by_id(id: &str) -> Option<&'static CommandSpec> {
    COMMANDS.iter().find(|s| s.id == id)
}
