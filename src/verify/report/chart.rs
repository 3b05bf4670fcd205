//! A chart: marks on two axes, drawn as SVG.
//!
//! Each role has one colour in the SVG. The style sheet of the page replaces it with a shade for light, dark or print.

use crate::error::{Error, Result};
use plotters::coord::Shift;
use plotters::prelude::*;
use std::fmt::Display;

/// The size of a chart in CSS pixels. It is as wide as a phone, where text must not shrink.
const SIZE: (u32, u32) = (420, 260);

/// The text size of plotters, which is the height of a line. Letters are about four fifths of it.
const TEXT_SIZE: u32 = 15;

/// The meaning of a mark, which determines its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Observed values.
    Data,
    /// Values of the model.
    Model,
    /// The range of expected values.
    Band,
}

impl Role {
    /// Returns the colour that the style sheet replaces.
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

/// Shapes in the units of the axes.
#[derive(Debug, Clone)]
pub enum Marks {
    Line(Role, Vec<(f64, f64)>),
    Dots(Role, Vec<(f64, f64)>),
    /// Rectangles with an opacity.
    Bars(Role, f64, Vec<Bar>),
    /// Vertical strokes, each with its x and the two ends.
    Spans(Role, Vec<(f64, f64, f64)>),
}

/// A rectangle.
#[derive(Debug, Clone, Copy)]
pub struct Bar {
    pub x: (f64, f64),
    pub y: (f64, f64),
}

/// An axis.
pub struct Axis<'a> {
    /// The quantity and its unit.
    pub title: &'a str,
    pub from: f64,
    pub to: f64,
    pub labels: usize,
    pub label: &'a dyn Fn(f64) -> String,
}

/// An entry of a legend.
#[derive(Debug, Clone)]
pub struct LegendEntry {
    /// The class of the colour in the style sheet.
    pub class: &'static str,
    pub opacity: f64,
    pub meaning: String,
}

/// A chart that is ready for the page.
#[derive(Debug)]
pub struct Chart {
    pub title: String,
    pub legend: Vec<LegendEntry>,
    pub svg: String,
}

impl Chart {
    /// Draws `marks`, later ones over earlier ones. `alternative` is a text for readers who can't see the chart.
    pub fn new(
        title: impl Into<String>,
        alternative: impl Into<String>,
        axes: [Axis<'_>; 2],
        marks: &[Marks],
    ) -> Result<Self> {
        let mut svg = String::new();
        draw(SVGBackend::with_string(&mut svg, SIZE).into_drawing_area(), axes, marks)?;
        // Plotters has no way to set attributes of the root element.
        let root = format!(r#"<svg role="img" aria-label="{}" "#, escaped(&alternative.into()));
        Ok(Self { title: title.into(), svg: svg.replacen("<svg ", &root, 1), legend: Vec::new() })
    }

    /// Adds a legend.
    pub fn with_legend(self, legend: &[(Role, &str)]) -> Self {
        self.with_shades(legend.iter().map(|&(role, meaning)| (role, 1.0, meaning.to_string())))
    }

    /// Adds a legend whose entries have an opacity.
    pub fn with_shades(self, legend: impl Iterator<Item = (Role, f64, String)>) -> Self {
        let legend = legend.map(|(role, opacity, meaning)| LegendEntry { class: role.class(), opacity, meaning });
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
        .y_label_area_size(80)
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
        .axis_style(Role::Band.color())
        .bold_line_style(Role::Band.color().mix(0.2))
        .light_line_style(TRANSPARENT)
        .draw()
        .map_err(failed)?;
    for marks in marks {
        match marks {
            Marks::Line(role, points) => {
                let line = LineSeries::new(points.iter().copied(), role.color().stroke_width(2));
                chart.draw_series(line).map_err(failed)?;
            }
            Marks::Dots(role, points) => {
                let dots = points.iter().map(|&point| Circle::new(point, 2, role.color().filled()));
                chart.draw_series(dots).map_err(failed)?;
            }
            Marks::Bars(role, opacity, bars) => {
                let style = role.color().mix(*opacity).filled();
                let bars = bars.iter().map(|bar| Rectangle::new([(bar.x.0, bar.y.0), (bar.x.1, bar.y.1)], style));
                chart.draw_series(bars).map_err(failed)?;
            }
            Marks::Spans(role, spans) => {
                let style = role.color().stroke_width(1);
                let spans = spans.iter().map(|&(x, from, to)| PathElement::new([(x, from), (x, to)], style));
                chart.draw_series(spans).map_err(failed)?;
            }
        }
    }
    area.present().map_err(failed)
}
