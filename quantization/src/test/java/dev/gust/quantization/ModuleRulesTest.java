package dev.gust.quantization;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

class ModuleRulesTest {
    private static final JavaClasses CLASSES = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .withImportOption(location -> !location.contains("test-classes") && !location.contains("-tests.jar"))
            .importPackages("dev.gust.quantization", "dev.gust.formats");

    @Test
    void thereIsSomethingToCheck() {
        assertThat(CLASSES.contain("dev.gust.quantization.pipeline.ModelWriter"))
                .isTrue();
        assertThat(CLASSES.contain("dev.gust.formats.arrow.ArrowFile")).isTrue();
    }

    @Test
    void nothingPointsUpwards() {
        noClasses()
                .that()
                .resideInAPackage("dev.gust.formats..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("dev.gust.quantization..", "dev.gust.cli..")
                .check(CLASSES);
        noClasses()
                .that()
                .resideInAPackage("dev.gust.quantization..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("dev.gust.cli..", "dev.gust.benchmarks..")
                .check(CLASSES);
    }

    @Test
    void arrowStaysWhereItIs() {
        noClasses()
                .that()
                .resideOutsideOfPackages("dev.gust.formats.arrow..", "org.apache.arrow..")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("org.apache.arrow..")
                .check(CLASSES);
    }

    @Test
    void onlyTheCommandLinePrintsOrExits() {
        noClasses()
                .that()
                .resideInAPackage("dev.gust.quantization..")
                .should()
                .accessField(System.class, "out")
                .orShould()
                .accessField(System.class, "err")
                .orShould()
                .callMethod(System.class, "exit", int.class)
                .check(CLASSES);
    }

    @Test
    void packagesHaveNoCycles() {
        slices().matching("dev.gust.quantization.(*)..")
                .should()
                .beFreeOfCycles()
                .check(CLASSES);
    }
}
