package dev.gust.quantization.pipeline;

import dev.gust.formats.UsageException;
import dev.gust.quantization.lowrank.LowRankMethod;
import dev.gust.quantization.pipeline.QuantizationRequest.Aim;
import java.util.Optional;

/**
 * What to decompose, and how.
 *
 * @param method what the factors are best at
 * @param choice how many directions are kept
 * @param factors scheme of the factors; empty for the weight's own type
 * @param residual scheme of what the factors leave; empty for none
 * @param selection which weights
 */
public record LowRankRequest(
        LowRankMethod method,
        RankChoice choice,
        Optional<Aim> factors,
        Optional<Aim> residual,
        TensorSelection selection) {
    /**
     * Checks what was asked for.
     *
     * @throws UsageException if it contradicts itself
     */
    public LowRankRequest {
        boolean sensible = switch (choice) {
            case RankChoice.Rank(int rank) -> rank >= 1;
            case RankChoice.Energy(double share) -> share > 0 && share <= 1;
            case RankChoice.Budget(double share, var _) -> share > 0 && share < 1;
        };
        if (!sensible) {
            throw new UsageException(
                    choice.label() + " " + (choice instanceof RankChoice.Rank(int rank) ? rank : choice.amount()),
                    switch (choice) {
                        case RankChoice.Rank _ -> "choose a rank of at least 1";
                        case RankChoice.Energy _ -> "choose a share between 0 and 1";
                        case RankChoice.Budget _ -> "choose a share between 0 and 1";
                    });
        }
        if (residual.isPresent() && choice instanceof RankChoice.Budget) {
            throw new UsageException(
                    "a budget for factors with a residual", "choose a rank or an energy, or leave out the residual");
        }
    }
}
