//! One chart: marks on two axes, drawn as SVG.
//!
//! Colours are names in disguise: the page's style sheet gives each its shade for light, dark and print.

use crate::error::{Error, Result};
use plotters::coord::Shift;
use plotters::prelude::*;
use std::fmt::Display;

/// The size of every chart, in CSS pixels: as wide as a phone, so that its text need not shrink there.
const SIZE: (u32, u32) = (420, 260);

/// Plotters takes it for the height of a line: letters are about four fifths of it.
const TEXT_SIZE: u32 = 15;

/// What a mark stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    /// What was observed.
    Data,
    /// What the model says.
    Model,
    /// Where something is expected to lie.
    Band,
}

impl Ink {
    /// The colour under which the style sheet knows it.
    fn color(self) -> RGBColor {
        match self {
            Self::Data => RGBColor(0x1F, 0x6F, 0xB2),
            Self::Model => RGBColor(0xC4, 0x4E, 0x1A),
            Self::Band => RGBColor(0x8A, 0x8F, 0x98),
        }
    }

    fn class(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Model => "model",
            Self::Band => "band",
        }
    }
}

/// Something drawn, in the units of the axes.
#[derive(Debug, Clone)]
pub(super) enum Marks {
    Line(Ink, Vec<(f64, f64)>),
    Dots(Ink, Vec<(f64, f64)>),
    /// From, to, height; opaque to this share.
    Bars(Ink, f64, Vec<Bar>),
    /// Vertical strokes: x, from, to.
    Spans(Ink, Vec<(f64, f64, f64)>),
}

/// A rectangle.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bar {
    pub x: (f64, f64),
    pub y: (f64, f64),
}

/// An axis.
pub(super) struct Axis<'a> {
    /// What is measured, and in what unit.
    pub title: &'a str,
    pub from: f64,
    pub to: f64,
    pub labels: usize,
    pub label: &'a dyn Fn(f64) -> String,
}

/// What a colour means.
#[derive(Debug, Clone)]
pub(super) struct Key {
    /// The style sheet's class of the colour.
    pub class: &'static str,
    pub opacity: f64,
    pub meaning: String,
}

/// A chart, ready for the page.
#[derive(Debug)]
pub(super) struct Chart {
    pub title: String,
    pub legend: Vec<Key>,
    pub svg: String,
}

impl Chart {
    /// Draws `marks`, the first of them below the others. `alternative` says what it shows to those who can't see it.
    pub fn new(
        title: impl Into<String>,
        alternative: impl Into<String>,
        axes: [Axis<'_>; 2],
        marks: &[Marks],
    ) -> Result<Self> {
        let mut svg = String::new();
        draw(SVGBackend::with_string(&mut svg, SIZE).into_drawing_area(), axes, marks)?;
        // Plotters gives no handle on the root element.
        let named = format!(r#"<svg role="img" aria-label="{}" "#, escaped(&alternative.into()));
        Ok(Self { title: title.into(), svg: svg.replacen("<svg ", &named, 1), legend: Vec::new() })
    }

    /// The same with what its colours mean.
    pub fn with_legend(self, legend: &[(Ink, &str)]) -> Self {
        self.with_shades(legend.iter().map(|&(ink, meaning)| (ink, 1.0, meaning.to_string())))
    }

    /// The same with what its colours, opaque to some share, mean.
    pub fn with_shades(self, legend: impl Iterator<Item = (Ink, f64, String)>) -> Self {
        let legend = legend.map(|(ink, opacity, meaning)| Key { class: ink.class(), opacity, meaning });
        Self { legend: legend.collect(), ..self }
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

fn failed(error: impl Display) -> Error {
    Error::Internal(format!("drawing a chart: {error}"))
}

fn draw(area: DrawingArea<SVGBackend<'_>, Shift>, [x, y]: [Axis<'_>; 2], marks: &[Marks]) -> Result<()> {
    let mut chart = ChartBuilder::on(&area)
        .margin(6)
        .margin_right(14)
        .x_label_area_size(44)
        .y_label_area_size(72)
        .build_cartesian_2d(x.from..x.to.max(x.from + f64::EPSILON), y.from..y.to.max(y.from + f64::EPSILON))
        .map_err(failed)?;
    let text = ("sans-serif", TEXT_SIZE).into_font().color(&BLACK);
    chart
        .configure_mesh()
        .x_desc(x.title)
        .y_desc(y.title)
        .x_labels(x.labels)
        .y_labels(y.labels)
        .x_label_formatter(&|value| (x.label)(*value))
        .y_label_formatter(&|value| (y.label)(*value))
        .label_style(text.clone())
        .axis_desc_style(text)
        .axis_style(Ink::Band.color())
        .bold_line_style(Ink::Band.color().mix(0.2))
        .light_line_style(TRANSPARENT)
        .draw()
        .map_err(failed)?;
    for marks in marks {
        match marks {
            Marks::Line(ink, points) => {
                let line = LineSeries::new(points.iter().copied(), ink.color().stroke_width(2));
                chart.draw_series(line).map_err(failed)?;
            }
            Marks::Dots(ink, points) => {
                let dots = points.iter().map(|&point| Circle::new(point, 2, ink.color().filled()));
                chart.draw_series(dots).map_err(failed)?;
            }
            Marks::Bars(ink, opacity, bars) => {
                let style = ink.color().mix(*opacity).filled();
                let bars = bars.iter().map(|bar| Rectangle::new([(bar.x.0, bar.y.0), (bar.x.1, bar.y.1)], style));
                chart.draw_series(bars).map_err(failed)?;
            }
            Marks::Spans(ink, spans) => {
                let style = ink.color().stroke_width(1);
                let spans = spans.iter().map(|&(x, from, to)| PathElement::new([(x, from), (x, to)], style));
                chart.draw_series(spans).map_err(failed)?;
            }
        }
    }
    area.present().map_err(failed)
}
