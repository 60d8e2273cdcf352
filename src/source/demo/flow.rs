//! One flow: which kind of traffic it is, and its figures.
//!
//! Every class is a mixture of manners. Some overlap with another class on purpose: monitoring
//! looks like a slow scan, slow denial of service like ordinary browsing, stolen files like any
//! download, an administrator at work like an intruder with root rights.

use rand::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;

/// Which of the two batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Batch {
    /// The one the first model learns from.
    Older,
    /// The drifted one.
    Newer,
}

/// The figures of a flow.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    pub duration: f64,
    pub protocol: &'static str,
    pub service: &'static str,
    pub tcp_flag: &'static str,
    pub port_class: &'static str,
    pub src_bytes: u64,
    pub dst_bytes: u64,
    pub src_packets: u64,
    pub dst_packets: u64,
    pub ttl: u64,
    pub connections: u64,
    pub same_service_rate: f64,
    pub syn_error_rate: f64,
    pub reject_rate: f64,
    pub distinct_ports: u64,
    pub failed_logins: u64,
    pub logged_in: bool,
    pub root_commands: u64,
    pub files_created: u64,
}

/// Random figures of the shapes that traffic has.
struct Dice<'r>(&'r mut Xoshiro256PlusPlus);

impl Dice<'_> {
    /// Uniform between 0 and 1, never 0.
    fn unit(&mut self) -> f64 {
        1.0 - self.0.gen_range(0.0..1.0f64)
    }
    fn chance(&mut self, p: f64) -> bool {
        self.0.gen_bool(p)
    }
    /// Standard normal (Box and Muller).
    fn normal(&mut self) -> f64 {
        let (radius, turn) = ((-2.0 * self.unit().ln()).sqrt(), self.unit());
        radius * (std::f64::consts::TAU * turn).cos()
    }
    /// Log-normal with this median: a heavy right tail.
    fn tail(&mut self, median: f64, sigma: f64) -> f64 {
        (median.ln() + sigma * self.normal()).exp()
    }
    fn count(&mut self, median: f64, sigma: f64) -> u64 {
        self.tail(median, sigma).round() as u64
    }
    /// Poisson by multiplication; the means here are small.
    fn poisson(&mut self, mean: f64) -> u64 {
        let limit = (-mean).exp();
        let mut product = self.unit();
        let mut count = 0;
        while product > limit {
            product *= self.unit();
            count += 1;
        }
        count
    }
    /// A rate near `centre`.
    fn rate(&mut self, centre: f64, spread: f64) -> f64 {
        (centre + spread * self.normal()).clamp(0.0, 1.0)
    }
    /// One of the values, by weight.
    fn pick<T: Copy>(&mut self, choices: &[(f64, T)]) -> T {
        let total: f64 = choices.iter().map(|c| c.0).sum();
        let mut at = self.unit() * total;
        for &(weight, value) in choices {
            at -= weight;
            if at <= 0.0 {
                return value;
            }
        }
        choices[choices.len() - 1].1
    }
}

/// Draws a flow and its label; the label is wrong now and then.
pub(super) fn draw(rng: &mut Xoshiro256PlusPlus, batch: Batch, hour: u32) -> (Flow, &'static str) {
    let mut dice = Dice(rng);
    let dice = &mut dice;
    let night = !(7..19).contains(&hour);
    let mix = match batch {
        Batch::Older => [0.735, 0.16, 0.08, 0.02, 0.005],
        Batch::Newer => [0.65, 0.205, 0.10, 0.037, 0.008],
    };
    let class = dice.pick(&[
        (mix[0], 0usize),
        (mix[1], 1),
        (mix[2], 2),
        // Intruders prefer the night.
        (mix[3] * if night { 1.4 } else { 0.8 }, 3),
        (mix[4] * if night { 1.4 } else { 0.8 }, 4),
    ]);
    let mut flow = match class {
        0 => normal(dice, batch),
        1 => dos(dice, batch),
        2 => probe(dice),
        3 => r2l(dice, batch),
        _ => u2r(dice),
    };
    settle(dice, batch, &mut flow);
    // Analysts err, mostly by taking an attack for ordinary traffic.
    let wrong: &[(f64, usize)] = match class {
        0 => &[(0.9955, 0), (0.0025, 1), (0.0015, 2), (0.0005, 3)],
        1 => &[(0.985, 1), (0.015, 0)],
        2 => &[(0.97, 2), (0.025, 0), (0.005, 1)],
        3 => &[(0.95, 3), (0.05, 0)],
        _ => &[(0.95, 4), (0.03, 3), (0.02, 0)],
    };
    (flow, super::schema::CLASSES[dice.pick(wrong)])
}

/// A quiet TCP flow, to be changed where a kind of traffic differs.
fn base(dice: &mut Dice<'_>) -> Flow {
    Flow {
        duration: 0.0,
        protocol: "tcp",
        service: "other",
        tcp_flag: "SF",
        port_class: "system",
        src_bytes: 0,
        dst_bytes: 0,
        src_packets: 0,
        dst_packets: 0,
        ttl: dice.pick(&[(0.55, 64), (0.35, 128), (0.1, 255)]),
        connections: 1 + dice.count(5.0, 0.8),
        same_service_rate: dice.rate(0.85, 0.15),
        syn_error_rate: dice.rate(-0.02, 0.05),
        reject_rate: dice.rate(-0.02, 0.05),
        distinct_ports: 1 + dice.poisson(0.4),
        failed_logins: 0,
        logged_in: false,
        root_commands: 0,
        files_created: 0,
    }
}

/// What follows from the rest: packets from bytes, hops from the path, the drift of the network.
fn settle(dice: &mut Dice<'_>, batch: Batch, flow: &mut Flow) {
    if batch == Batch::Newer {
        // A new line: longer paths, and more flows at the same time.
        flow.connections = (flow.connections as f64 * 1.35).round() as u64;
    }
    let hops = match batch {
        Batch::Older => 4 + dice.poisson(5.0),
        Batch::Newer => 9 + dice.poisson(6.0),
    };
    flow.ttl = flow.ttl.saturating_sub(hops).max(1);
    flow.src_packets = 1 + (flow.src_bytes as f64 / dice.tail(320.0, 0.4)) as u64;
    flow.dst_packets = match flow.dst_bytes {
        0 => 0,
        bytes => 1 + (bytes as f64 / dice.tail(750.0, 0.35)) as u64,
    };
    if flow.protocol != "tcp" {
        flow.tcp_flag = "none";
    }
    flow.duration = flow.duration.max(0.001);
}

fn normal(dice: &mut Dice<'_>, batch: Batch) -> Flow {
    #[derive(Clone, Copy)]
    enum Kind {
        Web,
        Dns,
        Mail,
        Admin,
        Ftp,
        Smb,
        Ntp,
        Monitoring,
        Burst,
    }
    let kind = dice.pick(&[
        (0.53, Kind::Web),
        (0.20, Kind::Dns),
        (0.06, Kind::Mail),
        (0.05, Kind::Admin),
        (0.035, Kind::Ftp),
        (0.05, Kind::Smb),
        (0.03, Kind::Ntp),
        (0.02, Kind::Monitoring),
        (0.025, Kind::Burst),
    ]);
    let base = base(dice);
    match kind {
        Kind::Web => {
            let quic = batch == Batch::Newer && dice.chance(0.22);
            // Pages grew between the batches.
            let grown = if batch == Batch::Newer { 1.6 } else { 1.0 };
            Flow {
                protocol: if quic { "udp" } else { "tcp" },
                service: match quic {
                    true => "quic",
                    false => dice.pick(&[(0.25, "http"), (0.75, "https")]),
                },
                tcp_flag: dice.pick(&[(0.94, "SF"), (0.045, "RSTO"), (0.015, "S0")]),
                duration: dice.tail(1.5, 1.3),
                src_bytes: dice.count(900.0 * grown, 0.9),
                dst_bytes: dice.count(9000.0 * grown, 1.5),
                // Many streams at once: to a model that never saw it, this looks like a flood.
                connections: if quic {
                    dice.count(45.0, 0.7)
                } else {
                    base.connections
                },
                logged_in: dice.chance(0.3),
                ..base
            }
        }
        Kind::Dns => Flow {
            protocol: "udp",
            service: "dns",
            duration: dice.tail(0.03, 0.9),
            src_bytes: dice.count(60.0, 0.3),
            dst_bytes: dice.count(150.0, 0.6),
            connections: 1 + dice.count(12.0, 0.9),
            ..base
        },
        Kind::Mail => Flow {
            service: "smtp",
            duration: dice.tail(2.5, 0.8),
            src_bytes: dice.count(3500.0, 1.4),
            dst_bytes: dice.count(400.0, 0.5),
            ..base
        },
        Kind::Admin => {
            let busy = dice.chance(0.12);
            Flow {
                service: dice.pick(&[(0.9, "ssh"), (0.1, "telnet")]),
                duration: dice.tail(90.0, 1.2),
                src_bytes: dice.count(2500.0, 1.0),
                dst_bytes: dice.count(5000.0, 1.1),
                logged_in: true,
                failed_logins: dice.poisson(0.25),
                root_commands: dice.poisson(if busy { 3.0 } else { 0.3 }),
                files_created: dice.poisson(if busy { 1.0 } else { 0.2 }),
                ..base
            }
        }
        Kind::Ftp => Flow {
            service: "ftp",
            duration: dice.tail(12.0, 1.1),
            src_bytes: dice.count(700.0, 0.8),
            dst_bytes: dice.count(15_000.0, 1.5),
            logged_in: dice.chance(0.9),
            failed_logins: dice.poisson(0.1),
            files_created: dice.poisson(0.3),
            ..base
        },
        Kind::Smb => Flow {
            service: "smb",
            port_class: dice.pick(&[(0.8, "system"), (0.2, "registered")]),
            duration: dice.tail(5.0, 1.2),
            src_bytes: dice.count(3000.0, 1.2),
            dst_bytes: dice.count(6000.0, 1.4),
            logged_in: dice.chance(0.8),
            files_created: dice.poisson(0.4),
            ..base
        },
        Kind::Ntp => Flow {
            protocol: "udp",
            service: "ntp",
            duration: dice.tail(0.05, 0.6),
            src_bytes: 48,
            dst_bytes: 48,
            ..base
        },
        Kind::Monitoring => Flow {
            service: dice.pick(&[(0.5, "other"), (0.3, "http"), (0.2, "ssh")]),
            port_class: dice.pick(&[(0.5, "system"), (0.5, "registered")]),
            tcp_flag: dice.pick(&[(0.7, "SF"), (0.2, "RSTO"), (0.1, "REJ")]),
            duration: dice.tail(0.2, 1.0),
            src_bytes: dice.count(120.0, 0.7),
            dst_bytes: dice.count(200.0, 1.0),
            distinct_ports: 2 + dice.count(4.0, 0.6),
            same_service_rate: dice.rate(0.45, 0.2),
            reject_rate: dice.rate(0.12, 0.1),
            ..base
        },
        Kind::Burst => Flow {
            service: dice.pick(&[(0.4, "http"), (0.6, "https")]),
            duration: dice.tail(0.4, 0.9),
            src_bytes: dice.count(500.0, 0.7),
            dst_bytes: dice.count(2500.0, 1.2),
            connections: dice.count(60.0, 0.6),
            syn_error_rate: dice.rate(0.05, 0.06),
            ..base
        },
    }
}

fn dos(dice: &mut Dice<'_>, batch: Batch) -> Flow {
    #[derive(Clone, Copy)]
    enum Kind {
        Syn,
        Udp,
        Slow,
        SlowTls,
    }
    let slow_tls = match batch {
        Batch::Older => 0.0,
        Batch::Newer => 0.25,
    };
    let kind = dice.pick(&[
        (0.45, Kind::Syn),
        (0.33, Kind::Udp),
        (0.22, Kind::Slow),
        (slow_tls, Kind::SlowTls),
    ]);
    let base = base(dice);
    match kind {
        Kind::Syn => Flow {
            service: dice.pick(&[(0.4, "http"), (0.3, "https"), (0.3, "other")]),
            port_class: dice.pick(&[(0.7, "system"), (0.3, "registered")]),
            tcp_flag: dice.pick(&[(0.85, "S0"), (0.1, "REJ"), (0.05, "SF")]),
            duration: dice.tail(0.01, 1.0),
            src_bytes: dice.count(20.0, 1.0),
            dst_bytes: 0,
            connections: dice.count(170.0, 0.7),
            same_service_rate: dice.rate(0.95, 0.07),
            syn_error_rate: dice.rate(0.8, 0.2),
            ..base
        },
        Kind::Udp => Flow {
            protocol: dice.pick(&[(0.75, "udp"), (0.25, "icmp")]),
            service: dice.pick(&[(0.4, "dns"), (0.3, "ntp"), (0.3, "other")]),
            port_class: dice.pick(&[(0.5, "system"), (0.5, "dynamic")]),
            duration: dice.tail(0.05, 1.2),
            src_bytes: dice.count(900.0, 0.9),
            dst_bytes: if dice.chance(0.7) {
                0
            } else {
                dice.count(200.0, 1.0)
            },
            connections: dice.count(110.0, 0.8),
            same_service_rate: dice.rate(0.92, 0.1),
            ..base
        },
        Kind::Slow => Flow {
            service: "http",
            tcp_flag: dice.pick(&[(0.5, "SF"), (0.45, "RSTO"), (0.05, "S0")]),
            duration: dice.tail(45.0, 0.8),
            src_bytes: dice.count(260.0, 0.6),
            dst_bytes: dice.count(400.0, 1.1),
            connections: dice.count(26.0, 0.6),
            same_service_rate: dice.rate(0.95, 0.06),
            syn_error_rate: dice.rate(0.08, 0.08),
            ..base
        },
        Kind::SlowTls => Flow {
            service: "https",
            tcp_flag: dice.pick(&[(0.7, "SF"), (0.3, "RSTO")]),
            duration: dice.tail(18.0, 0.7),
            src_bytes: dice.count(2600.0, 0.5),
            dst_bytes: dice.count(900.0, 0.6),
            connections: dice.count(18.0, 0.5),
            same_service_rate: dice.rate(0.97, 0.04),
            ..base
        },
    }
}

fn probe(dice: &mut Dice<'_>) -> Flow {
    #[derive(Clone, Copy)]
    enum Kind {
        Ports,
        Sweep,
        SlowScan,
    }
    let kind = dice.pick(&[
        (0.5, Kind::Ports),
        (0.3, Kind::Sweep),
        (0.2, Kind::SlowScan),
    ]);
    let base = base(dice);
    let any_port = dice.pick(&[(0.4, "system"), (0.4, "registered"), (0.2, "dynamic")]);
    match kind {
        Kind::Ports => Flow {
            service: dice.pick(&[(0.7, "other"), (0.1, "ssh"), (0.1, "smb"), (0.1, "telnet")]),
            port_class: any_port,
            tcp_flag: dice.pick(&[(0.5, "REJ"), (0.25, "S0"), (0.15, "RSTO"), (0.1, "SF")]),
            duration: dice.tail(0.02, 1.1),
            src_bytes: dice.count(12.0, 1.0),
            dst_bytes: if dice.chance(0.6) { 0 } else { 40 },
            connections: dice.count(50.0, 0.8),
            same_service_rate: dice.rate(0.15, 0.15),
            syn_error_rate: dice.rate(0.3, 0.25),
            reject_rate: dice.rate(0.55, 0.25),
            distinct_ports: 3 + dice.count(35.0, 0.9),
            ..base
        },
        Kind::Sweep => Flow {
            protocol: dice.pick(&[(0.6, "icmp"), (0.4, "tcp")]),
            service: dice.pick(&[(0.8, "other"), (0.2, "smb")]),
            port_class: any_port,
            tcp_flag: dice.pick(&[(0.5, "S0"), (0.3, "REJ"), (0.2, "SF")]),
            duration: dice.tail(0.02, 1.0),
            src_bytes: dice.count(30.0, 0.6),
            dst_bytes: if dice.chance(0.6) { 0 } else { 30 },
            connections: dice.count(30.0, 0.8),
            same_service_rate: dice.rate(0.8, 0.15),
            syn_error_rate: dice.rate(0.2, 0.2),
            reject_rate: dice.rate(0.25, 0.2),
            ..base
        },
        Kind::SlowScan => Flow {
            service: dice.pick(&[(0.6, "other"), (0.2, "http"), (0.2, "ssh")]),
            port_class: any_port,
            tcp_flag: dice.pick(&[(0.4, "SF"), (0.3, "RSTO"), (0.3, "REJ")]),
            duration: dice.tail(0.3, 1.1),
            src_bytes: dice.count(70.0, 0.8),
            dst_bytes: dice.count(90.0, 1.0),
            distinct_ports: 3 + dice.count(8.0, 0.6),
            same_service_rate: dice.rate(0.3, 0.2),
            reject_rate: dice.rate(0.3, 0.15),
            ..base
        },
    }
}

fn r2l(dice: &mut Dice<'_>, batch: Batch) -> Flow {
    #[derive(Clone, Copy)]
    enum Kind {
        Guess,
        Theft,
        Exploit,
    }
    let kind = dice.pick(&[
        (0.55, Kind::Guess),
        (0.25, Kind::Theft),
        (0.2, Kind::Exploit),
    ]);
    let base = base(dice);
    match kind {
        Kind::Guess => Flow {
            service: dice.pick(&[(0.6, "ssh"), (0.25, "ftp"), (0.15, "telnet")]),
            tcp_flag: dice.pick(&[(0.6, "SF"), (0.4, "RSTO")]),
            duration: dice.tail(3.0, 0.7),
            src_bytes: dice.count(400.0, 0.5),
            dst_bytes: dice.count(500.0, 0.5),
            // In the newer batch the guesses come slower.
            failed_logins: 1 + dice.poisson(match batch {
                Batch::Older => 3.0,
                Batch::Newer => 1.6,
            }),
            logged_in: dice.chance(0.08),
            ..base
        },
        Kind::Theft => Flow {
            service: dice.pick(&[(0.7, "ftp"), (0.3, "smb")]),
            duration: dice.tail(60.0, 0.9),
            src_bytes: dice.count(1200.0, 0.7),
            dst_bytes: dice.count(400_000.0, 1.0),
            logged_in: true,
            failed_logins: dice.poisson(0.6),
            files_created: dice.poisson(1.5),
            ..base
        },
        Kind::Exploit => Flow {
            service: dice.pick(&[(0.7, "http"), (0.3, "smtp")]),
            tcp_flag: dice.pick(&[(0.6, "SF"), (0.4, "RSTO")]),
            duration: dice.tail(0.8, 0.9),
            src_bytes: dice.count(12_000.0, 0.6),
            dst_bytes: dice.count(500.0, 0.8),
            root_commands: dice.poisson(0.8),
            files_created: dice.poisson(0.7),
            ..base
        },
    }
}

fn u2r(dice: &mut Dice<'_>) -> Flow {
    let base = base(dice);
    Flow {
        service: dice.pick(&[(0.5, "telnet"), (0.5, "ssh")]),
        duration: dice.tail(140.0, 0.9),
        src_bytes: dice.count(3000.0, 0.8),
        dst_bytes: dice.count(7000.0, 0.9),
        logged_in: true,
        failed_logins: dice.poisson(0.5),
        root_commands: 2 + dice.poisson(4.0),
        files_created: 1 + dice.poisson(2.5),
        ..base
    }
}
