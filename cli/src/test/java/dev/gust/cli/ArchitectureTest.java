package dev.gust.cli;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

/** Who may print, who may exit, and who may use whom. */
class ArchitectureTest {
    private static final JavaClasses GUST = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages("dev.gust");

    @Test
    void allModulesAreLookedAt() {
        for (String name : new String[] {
            "dev.gust.cli.Main", "dev.gust.quantization.pipeline.ModelWriter", "dev.gust.formats.file.MappedFile"
        }) {
            assertThat(GUST.contain(name)).as(name).isTrue();
        }
        assertThat(GUST.contain(ArchitectureTest.class)).isFalse();
    }

    @Test
    void onlyTheCommandLinePrints() {
        noClasses()
                .that()
                .resideOutsideOfPackage("dev.gust.cli..")
                .and()
                .doNotHaveFullyQualifiedName("dev.gust.runtime.tornado.StandardOutput") // flushes, prints nothing
                .should()
                .accessField(System.class, "out")
                .orShould()
                .accessField(System.class, "err")
                .orShould()
                .callMethod(Throwable.class, "printStackTrace")
                .check(GUST);
    }

    @Test
    void onlyTheCommandLineExits() {
        noClasses()
                .that()
                .resideOutsideOfPackage("dev.gust.cli..")
                .should()
                .callMethod(System.class, "exit", int.class)
                .orShould()
                .callMethod(Runtime.class, "exit", int.class)
                .orShould()
                .callMethod(Runtime.class, "halt", int.class)
                .check(GUST);
        noClasses()
                .that()
                .doNotHaveSimpleName("Main")
                .should()
                .callMethod(System.class, "exit", int.class)
                .orShould()
                .callMethod(Runtime.class, "exit", int.class)
                .orShould()
                .callMethod(Runtime.class, "halt", int.class)
                .check(GUST);
    }

    @Test
    void nothingUsesTheCommandLine() {
        noClasses()
                .that()
                .resideOutsideOfPackage("dev.gust.cli..")
                .should()
                .dependOnClassesThat(resideInAPackage("dev.gust.cli.."))
                .orShould()
                .dependOnClassesThat(resideInAPackage("picocli.."))
                .check(GUST);
    }

    @Test
    void onlyTheRuntimeBuildsExecutionPlans() {
        noClasses()
                .that()
                .resideOutsideOfPackage("dev.gust.runtime.tornado..")
                .should()
                .dependOnClassesThat()
                .haveNameMatching(
                        "uk\\.ac\\.manchester\\.tornado\\.api\\.(TornadoExecutionPlan|ImmutableTaskGraph|GridScheduler)")
                .check(GUST);
    }

    @Test
    void theCommandLineUsesTheRuntimeQuantizationAndFormatsOnly() {
        noClasses()
                .that()
                .resideInAPackage("dev.gust.cli..")
                .should()
                .dependOnClassesThat(resideInAPackage("dev.gust..")
                        .and(not(resideInAPackage("dev.gust.cli..")))
                        .and(not(resideInAPackage("dev.gust.quantization..")))
                        .and(not(resideInAPackage("dev.gust.runtime..")))
                        .and(not(resideInAPackage("dev.gust.formats..")))
                        .or(resideInAPackage("org.apache.arrow.."))
                        .or(resideInAPackage("uk.ac.manchester.tornado..")))
                .check(GUST);
    }
}
