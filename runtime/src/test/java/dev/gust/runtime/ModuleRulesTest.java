package dev.gust.runtime;

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
            .importPackages("dev.gust.runtime", "dev.gust.kernels");

    @Test
    void thereIsSomethingToCheck() {
        assertThat(CLASSES.contain("dev.gust.runtime.matmul.QuantizedMatmul")).isTrue();
        assertThat(CLASSES.contain("dev.gust.kernels.matmul.PortableMatmul")).isTrue();
    }

    @Test
    void nothingPointsUpwards() {
        noClasses()
                .that()
                .resideInAPackage("dev.gust.runtime..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("dev.gust.quantization..", "dev.gust.cli..", "org.apache.arrow..")
                .check(CLASSES);
        noClasses()
                .that()
                .resideInAPackage("dev.gust.kernels..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("dev.gust.runtime..", "dev.gust.formats..")
                .check(CLASSES);
    }

    @Test
    void onlyTheTornadoPackageBuildsPlans() {
        noClasses()
                .that()
                .resideOutsideOfPackage("dev.gust.runtime.tornado..")
                .should()
                .dependOnClassesThat()
                .haveFullyQualifiedName("uk.ac.manchester.tornado.api.TornadoExecutionPlan")
                .check(CLASSES);
    }

    @Test
    void packagesHaveNoCycles() {
        slices().matching("dev.gust.runtime.(*)..").should().beFreeOfCycles().check(CLASSES);
        slices().matching("dev.gust.kernels.(*)..").should().beFreeOfCycles().check(CLASSES);
    }
}
