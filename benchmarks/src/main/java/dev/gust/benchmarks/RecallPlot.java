package dev.gust.benchmarks;

import java.awt.Color;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import javax.imageio.ImageIO;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.Styler;
import org.knowm.xchart.style.markers.SeriesMarkers;

/** Recall against bytes: what is missed of the exact best 32, so that one nine more is as far as another. */
final class RecallPlot {
    private static final double LEAST = 1e-4;

    private RecallPlot() {}

    /**
     * Writes a PNG: an SVG of the same is ten times the size.
     *
     * @param path without the ending
     */
    static void write(String name, List<HeadFigures> figures, Path path) throws IOException {
        System.setProperty("java.awt.headless", "true");
        XYChart chart = new XYChartBuilder()
                .width(900)
                .height(560)
                .title(name + ": missed of the exact best 32, by the noise that misses more")
                .xAxisTitle("bytes that a query reads, of the dense product's")
                .yAxisTitle("1 − recall@32")
                .build();
        chart.getStyler()
                .setXAxisMin(0.01)
                .setXAxisMax(1.0)
                .setXAxisLogarithmic(true)
                .setYAxisLogarithmic(true)
                .setYAxisMin(LEAST)
                .setYAxisMax(1.0)
                .setLegendPosition(Styler.LegendPosition.OutsideE)
                .setChartBackgroundColor(Color.WHITE);
        Map<String, List<HeadFigures>> families = new LinkedHashMap<>();
        for (HeadFigures f : figures) {
            if (!Double.isNaN(f.worstAt32()) && !f.family().equals("dense")) {
                families.computeIfAbsent(f.family(), _ -> new ArrayList<>()).add(f);
            }
        }
        families.forEach((family, points) -> {
            double[] x = points.stream().mapToDouble(HeadFigures::share).toArray();
            double[] y = points.stream()
                    .mapToDouble(f -> Math.max(LEAST, 1 - f.worstAt32()))
                    .toArray();
            chart.addSeries(family, x, y).setXYSeriesRenderStyle(XYSeries.XYSeriesRenderStyle.Scatter);
        });
        line(chart, "0.001 missed, a tenth of the bytes", new double[] {0.01, 0.1, 0.1}, new double[] {
            0.001, 0.001, LEAST
        });
        ImageIO.write(
                BitmapEncoder.getBufferedImage(chart),
                "png",
                Path.of(path + ".png").toFile());
    }

    /** The goal: below and left of a line. */
    private static void line(XYChart chart, String name, double[] x, double[] y) {
        XYSeries series = chart.addSeries(name, x, y);
        series.setXYSeriesRenderStyle(XYSeries.XYSeriesRenderStyle.Line);
        series.setMarker(SeriesMarkers.NONE);
        series.setLineColor(Color.GRAY);
        series.setLineWidth(1);
    }
}
