//! Where rows come from: files and the demo generator.
