package dev.gust.runtime.attention;

/** How the gradient of a log decay is found. */
public enum DecayGradient {
    /**
     * Σ_columns dS ∘ Diag(exp g) S₋, with the state S₋ before each token, which is restored within chunks for the other
     * gradients anyway. What to take.
     */
    STATES,

    /**
     * The cheap one, which needs no state: the sum over this and all later tokens of what other gradients are made of,
     * q∘dq + e∘de − k∘dk for the delta step and q∘dq − b∘db − k∘dk, and of tokens behind this one a∘da, for diagonal plus
     * low rank, and of Σ_columns S∘dS at the end. Its error is that of all later tokens' terms, however small their sum is:
     * over 1,000 tokens of kda's step with log decays to −0.01, −1 and −20, RMSE / RMS is 1.8e-6, 2.6e-6 and 1.3e-5 where
     * {@link #STATES} has 2.3e-7, 1.1e-7 and 1.4e-7. Of gates that forget all, such as −170, whose gradient is 0 but for
     * 1e-17, it leaves the rounding of its terms, some 1e-6.
     */
    SUMS
}
