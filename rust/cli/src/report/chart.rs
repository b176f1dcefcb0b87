//! Line, dot and bar charts as inline SVG, in the colours of the page around them.

use std::fmt::{self, Write as _};

use super::figure::number;

const WIDTH: f64 = 460.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 40.0;

/// How an axis runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scale {
    Linear,
    Log,
}

/// One axis of a chart.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Axis {
    pub(crate) label: &'static str,
    pub(crate) scale: Scale,
    pub(crate) from: f64,
    pub(crate) until: f64,
}

impl Axis {
    pub(crate) const fn linear(label: &'static str, from: f64, until: f64) -> Self {
        Self { label, scale: Scale::Linear, from, until }
    }

    pub(crate) const fn log(label: &'static str, from: f64, until: f64) -> Self {
        Self { label, scale: Scale::Log, from, until }
    }

    /// Where a value lies, from 0 at the start of the axis to 1 at its end.
    fn place(&self, value: f64) -> f64 {
        match self.scale {
            Scale::Linear => (value - self.from) / (self.until - self.from),
            Scale::Log => (value.max(self.from) / self.from).ln() / (self.until / self.from).ln(),
        }
    }

    /// Where to write numbers: round ones, about five.
    fn ticks(&self) -> Vec<f64> {
        match self.scale {
            Scale::Log => {
                let powers = self.from.log10().ceil() as i32..=self.until.log10().floor() as i32;
                powers.map(|power| 10f64.powi(power)).collect()
            }
            Scale::Linear => {
                let rough = (self.until - self.from) / 5.0;
                let power = 10f64.powf(rough.log10().floor());
                let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
                let step = step.into_iter().find(|&step| step >= rough * 0.999).unwrap_or(rough);
                let first = (self.from / step).ceil() as i64;
                (first..).map(|at| at as f64 * step).take_while(|&tick| tick <= self.until * 1.0001).collect()
            }
        }
    }
}

/// How points are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    Line,
    Dots,
    Bars,
}

/// Points that belong together.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    pub(crate) name: &'static str,
    /// A class of the page's style: `measured`, `published`, or `second` for another measured one.
    pub(crate) class: &'static str,
    pub(crate) mark: Mark,
    pub(crate) points: Vec<(f64, f64)>,
}

/// A chart and what a reader should know before looking at it.
#[derive(Debug, Clone)]
pub(crate) struct Chart {
    pub(crate) title: &'static str,
    pub(crate) note: &'static str,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) series: Vec<Series>,
}

impl Chart {
    fn x(&self, value: f64) -> f64 {
        LEFT + self.x.place(value) * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        HEIGHT - BOTTOM - self.y.place(value).clamp(0.0, 1.05) * (HEIGHT - TOP - BOTTOM)
    }

    /// The chart as a `figure` element.
    pub(crate) fn html(&self) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _ = self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        write!(out, "<figure><figcaption><b>{}</b><span>{}</span></figcaption>", self.title, self.note)?;
        write!(out, "<div class=\"legend\">")?;
        // Several series may be of one name.
        for same in self.series.chunk_by(|one, next| one.name == next.name) {
            let series = &same[0];
            write!(out, "<span class=\"{}\"><i></i>{}</span>", series.class, series.name)?;
        }
        write!(out, "</div><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">", self.title)?;
        let (left, right, bottom) = (LEFT, WIDTH - RIGHT, HEIGHT - BOTTOM);
        for tick in self.y.ticks() {
            let y = self.y(tick);
            write!(out, "<path class=\"grid\" d=\"M{left} {y:.1}H{right}\"/>")?;
            write!(
                out,
                "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                left - 6.0,
                y + 4.0,
                tick_text(tick)
            )?;
        }
        for tick in self.x.ticks() {
            let text = tick_text(tick);
            write!(
                out,
                "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{text}</text>",
                self.x(tick),
                bottom + 16.0
            )?;
        }
        write!(out, "<path class=\"axis\" d=\"M{left} {bottom}H{right}\"/>")?;
        let middle = f64::midpoint(left, right);
        write!(out, "<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{}</text>", HEIGHT - 6.0, self.x.label)?;
        for series in &self.series {
            self.marks(out, series)?;
        }
        write!(out, "</svg></figure>")
    }

    fn marks(&self, out: &mut String, series: &Series) -> fmt::Result {
        let class = series.class;
        let visible = || series.points.iter().filter(|(x, y)| x.is_finite() && y.is_finite());
        let tip = |x: f64, y: f64| format!("<title>{}: {} at {}</title>", series.name, number(y), number(x));
        match series.mark {
            Mark::Line => {
                write!(out, "<polyline class=\"line {class}\" points=\"")?;
                for &(x, y) in visible() {
                    write!(out, "{:.1},{:.1} ", self.x(x), self.y(y))?;
                }
                write!(out, "\"/>")?;
                // What a pointer finds: larger than what is seen.
                for &(x, y) in visible() {
                    write!(out, "<circle class=\"tip\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"7\">", self.x(x), self.y(y))?;
                    write!(out, "{}</circle>", tip(x, y))?;
                }
            }
            Mark::Dots => {
                for &(x, y) in visible() {
                    write!(
                        out,
                        "<circle class=\"dot {class}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"4\">",
                        self.x(x),
                        self.y(y)
                    )?;
                    write!(out, "{}</circle>", tip(x, y))?;
                }
            }
            Mark::Bars => {
                let width = (WIDTH - LEFT - RIGHT) / series.points.len().max(1) as f64;
                for &(x, y) in visible() {
                    let top = self.y(y);
                    write!(
                        out,
                        "<rect class=\"bar {class}\" x=\"{:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{:.1}\">{}</rect>",
                        self.x(x) + 1.0,
                        (width - 2.0).max(0.5),
                        (HEIGHT - BOTTOM - top).max(0.0),
                        tip(x, y)
                    )?;
                }
            }
        }
        Ok(())
    }
}

/// A round number, short.
fn tick_text(tick: f64) -> String {
    match tick.abs() {
        size if size >= 1e6 => format!("{}M", number(tick / 1e6)),
        size if size >= 1e4 => format!("{}k", number(tick / 1e3)),
        size if size > 0.0 && size < 0.001 => format!("{tick:.0e}"),
        _ => number(tick),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_has_round_ticks_within_it() {
        assert_eq!(Axis::linear("", 0.0, 24.0).ticks(), [0.0, 5.0, 10.0, 15.0, 20.0]);
        assert_eq!(Axis::log("", 1.0, 5000.0).ticks(), [1.0, 10.0, 100.0, 1000.0]);
    }

    #[test]
    fn a_chart_draws_every_point_and_no_other() {
        let series =
            |mark, class| Series { name: "s", class, mark, points: vec![(1.0, 0.5), (2.0, f64::NAN), (3.0, 1.0)] };
        let chart = Chart {
            title: "title",
            note: "note",
            x: Axis::linear("x", 0.0, 4.0),
            y: Axis::linear("y", 0.0, 1.0),
            series: vec![series(Mark::Dots, "measured"), series(Mark::Bars, "published")],
        };
        let html = chart.html();
        assert_eq!((html.matches("dot measured").count(), html.matches("<rect").count()), (2, 2));
        assert!(!html.contains("NaN"), "{html}");
    }
}
