//! The terminal interface.

pub mod canvas;
pub mod capabilities;
pub mod commands;
pub mod dialogs;
pub mod effect;
pub mod glyphs;
pub mod jobs;
pub mod keymap;
pub mod layout;
pub mod message;
pub mod model;
pub mod screens;
pub mod text;
pub mod theme;
pub mod update;
pub mod widgets;
