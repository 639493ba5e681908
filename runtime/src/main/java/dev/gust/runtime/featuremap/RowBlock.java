package dev.gust.runtime.featuremap;

import java.util.List;

/** Room for a block of rows of every stage. Arrays are longer than their rows by a vector, so that loops need no tail. */
final class RowBlock {
    private final float[] origin;
    private final float[][] results;

    RowBlock(FeatureMap map, int rows) {
        origin = new float[rows * map.width() + MapLoops.LANES];
        results = map.stages().stream()
                .map(stage -> new float[rows * stage.width() + MapLoops.LANES])
                .toArray(float[][]::new);
    }

    /** Where the map's input goes. */
    float[] origin() {
        return origin;
    }

    /**
     * Takes rows through all stages.
     *
     * @param first number of the first row, which says its head
     * @return what the last stage made
     */
    float[] through(List<RowStage> stages, long first, int rows) {
        float[] from = origin;
        for (int i = 0; i < stages.size(); i++) {
            stages.get(i).run(origin, from, first, rows, results[i]);
            from = results[i];
        }
        return from;
    }
}
