package dev.gust.runtime.attention;

/** The arrays of the kernels of a linear RNN, whose states are a float for each element. */
interface ChannelArrays<X> extends RecurrenceArrays<X> {
    DeltaSizes sizes();

    TokenPlaces places();

    @Override
    default int capacity() {
        return sizes().sequences();
    }

    @Override
    default long stateElements() {
        return sizes().stateElements(1);
    }

    @Override
    default void place(Sequences call, boolean[] cleared) {
        places().place(call, cleared);
    }
}
