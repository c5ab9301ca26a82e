"""Health: codes, numbers, and the words that make a record a health record."""

from connectors.detection.catalog.forms import identifier
from connectors.detection.detector import Context, Detector
from connectors.model import Confidence

_PHI = ("PROTECTED_HEALTH_INFORMATION",)

DETECTORS = (
    identifier(
        "us_npi",
        "US national provider identifier",
        family="us_npi",
        category="health",
        country="US",
        body=r"[12]\d{9}",
        words=("npi", "national provider", "provider", "provider id", "physician", "prescriber"),
        validators=("npi_digit",),
        example="1234567893",
        near_miss="npi 1234567890",
        aliases=("US_HEALTHCARE_NPI", "US_NPI", *_PHI),
        source="https://npiregistry.cms.hhs.gov/",
    ),
    identifier(
        "us_dea",
        "US DEA registration number",
        family="dea",
        category="health",
        country="US",
        body=r"[ABCDEFGHJKLMPRSTUX][A-Z9]\d{7}",
        words=("dea", "prescriber", "registration", "physician", "doctor", "dr", "dea number", "medical license"),
        validators=("dea_digit",),
        example="AB1234563",
        near_miss="dea AB1234560",
        aliases=("MEDICAL_LICENSE",),
        source="https://www.deadiversion.usdoj.gov/drugreg/registration.html",
    ),
    Detector(
        id="us_ndc",
        name="US national drug code",
        family="ndc",
        category="health",
        country="US",
        pattern=r"(?<![\w.\-/])(?P<value>\d{4,5}-\d{3,4}-\d{1,2})(?![\w\-/]|\.\d)",
        factors=(r"\b(?i:ndc|drug|prescription|rx|pharmacy|tablet)\b[^\n]{0,40}\d{4}-\d{3}",),
        base=Confidence.POSSIBLE,
        context=Context(
            words=("ndc", "drug", "prescription", "rx", "pharmacy", "national drug", "tablet"), required=True
        ),
        examples=("NDC 0777-3105-02",),
        near_misses=("item 0777-3105-02", "ndc 0777"),
        aliases=_PHI,
        source="https://www.fda.gov/drugs/drug-approvals-and-databases/national-drug-code-directory",
    ),
    Detector(
        id="icd10_code",
        name="ICD-10 code",
        family="icd10",
        category="health",
        pattern=r"(?<![\w.\-])(?P<value>[A-TV-Z]\d[0-9AB](?:\.[0-9A-TV-Z]{1,4})?)(?![\w\-]|\.\w)",
        factors=(r"\b(?i:icd|diagnos[ei]s|diagnosed|dx|diagnose|icd-?10)\b[^\n]{0,48}[A-TV-Z]\d[0-9AB]",),
        base=Confidence.POSSIBLE,
        context=Context(
            words=("icd", "icd-10", "icd10", "icd-10-cm", "diagnosis", "diagnoses", "diagnosed", "dx", "diagnose"),
            required=True,
        ),
        examples=("diagnosis: E11.9", "ICD-10 code J45.20"),
        near_misses=("room E11", "diagnosis pending"),
        aliases=("ICD10_CODE", *_PHI),
        source="https://www.cms.gov/medicare/coding-billing/icd-10-codes",
    ),
    Detector(
        id="icd9_code",
        name="ICD-9 code",
        family="icd9",
        category="health",
        pattern=r"(?<![\w.\-/])(?P<value>(?:\d{3}|V\d{2}|E\d{3})\.\d{1,2})(?![\w\-%]|\.\d)",
        factors=(r"\b(?:icd|diagnos[ei]s|dx|icd-?9)\b[^\n]{0,48}\d\d\.\d",),
        ignore_case=True,
        base=Confidence.POSSIBLE,
        context=Context(words=("icd", "icd-9", "icd9", "icd-9-cm", "diagnosis", "dx"), required=True),
        examples=("ICD-9: 250.01",),
        near_misses=("price 250.01", "icd-9 codes"),
        aliases=("ICD9_CODE", *_PHI),
        source="https://www.cms.gov/medicare/coding-billing/icd-10-codes/icd-9-cm-diagnosis-procedure-codes-abbreviated-and-full-code-titles",
    ),
    Detector(
        id="diagnosis_description",
        name="Diagnosis in words",
        family="diagnosis",
        category="health",
        pattern=r"(?<![A-Za-z])(?P<value>(?:(?:acute|chronic|essential|primary|secondary|type [12]|major"
        r"|recurrent|severe|malignant)[ ])?"
        r"(?:diabetes(?: mellitus)?|hypertension|asthma|pneumonia|bronchitis|copd|hiv|hepatitis [abc]"
        r"|tuberculosis|epilepsy"
        r"|schizophrenia|bipolar disorder|depressive disorder|anxiety disorder|leuk(?:a)?emia|lymphoma"
        r"|melanoma|carcinoma"
        r"|breast cancer|lung cancer|prostate cancer|myocardial infarction|heart failure"
        r"|atrial fibrillation|stroke"
        r"|multiple sclerosis|parkinson'?s disease|alzheimer'?s disease|crohn'?s disease"
        r"|ulcerative colitis|cirrhosis"
        r"|kidney disease|renal failure|gastroesophageal reflux disease|migraine|hypothyroidism"
        r"|hyperlipidemia|anemia"
        r"|osteoarthritis|rheumatoid arthritis|sepsis|covid-19|syphilis|gonorrhea|chlamydia|endometriosis"
        r"|psoriasis))(?![A-Za-z])",
        factors=(
            (
                r"\b(?:diagnos(?:is|ed|es)|dx|icd|patient|prescribed|suffers from|history of"
                r"|medical record)\b[^\n]{0,60}"
                r"(?:diabet|hypertens|asthma|pneumon|bronchit|copd|\bhiv|hepatit|tubercul|epileps|schizoph"
                r"|disorder|leuk|lymphoma"
                r"|melanom|carcinom|cancer|infarct|heart fail|fibrill|stroke|scleros|disease|colitis|cirrhos"
                r"|renal fail|migrain"
                r"|thyroid|lipidem|anemia|arthrit|sepsis|covid|syphil|gonorr|chlamyd|endometr|psorias)"
            ),
        ),
        ignore_case=True,
        normalize="lower",
        base=Confidence.POSSIBLE,
        context=Context(
            words=(
                *(
                    "diagnosis",
                    "diagnosed",
                    "diagnoses",
                    "dx",
                    "icd",
                    "patient",
                    "prescribed",
                    "suffers from",
                    "history of",
                ),
                "medical record",
            ),
            window=80,
            required=True,
        ),
        examples=("Patient was diagnosed with type 2 diabetes mellitus.", "Dx: essential hypertension"),
        near_misses=("our talk about asthma apps", "the patient arrived"),
        aliases=("ICD10_DIAGNOSIS_DESCRIPTION", "ICD9_DIAGNOSIS_DESCRIPTION", *_PHI),
        source="https://www.cms.gov/medicare/coding-billing/icd-10-codes",
    ),
    Detector(
        id="drug_name",
        name="Medicine with its strength",
        family="drug",
        category="health",
        pattern=r"(?<![A-Za-z])(?P<value>(?:[a-z]{3,20}(?:pril|sartan|statin|olol|azole|cillin|mycin|micin"
        r"|floxacin|cycline|prazole|tidine"
        r"|oxetine|triptan|gliptin|gliflozin|glutide|formin|dipine|semide|thiazide|parin|xaban|azepam"
        r"|azolam|barbital|caine|codone"
        r"|morphone|profen|olone|asone|tadine|setron|lukast|terol|navir|ciclovir|mab|tinib|dronate)"
        r"|insulin|aspirin|warfarin"
        r"|levothyroxine|gabapentin|morphine|fentanyl|methadone|lithium|ibuprofen|paracetamol"
        r"|acetaminophen|prednisone|sertraline"
        r"|citalopram|escitalopram|bupropion|albuterol|clonazepam|tramadol|adderall|xanax|prozac|zoloft"
        r"|lipitor|viagra)"
        r"(?:[ ]\d{1,4}(?:\.\d{1,2})?[ ]?(?:mg|mcg|µg|g|ml|iu|units?)))(?![A-Za-z])",
        factors=(r"\d ?(?:mg|mcg|ml|iu|units?)\b",),
        ignore_case=True,
        normalize="lower",
        base=Confidence.LIKELY,
        examples=("Medication: Metformin 500mg", "takes atorvastatin 20 mg daily"),
        near_misses=("coffee 500 mg", "metformin works", "salt 20 g"),
        aliases=("FDA_NATIONAL_DRUG_NAME", *_PHI),
        source="https://www.fda.gov/drugs/drug-approvals-and-databases/drugsfda-data-files",
    ),
    Detector(
        id="medical_record_number",
        name="Medical record or patient number",
        family="mrn",
        category="health",
        pattern=r"(?<![A-Za-z])(?:mrn|medical record(?: number| no| #)?|patient (?:id|number|no|mrn)"
        r"|chart (?:number|no))[\"']?[ ]{0,2}[:#=]{0,2}[ ]{0,2}"
        r"[\"']?(?P<value>[A-Z]{0,5}[\-#_]?\d{4,12}[A-Z]?)(?![A-Za-z0-9])",
        factors=(r"\b(?:mrn|medical record|patient (?:id|number|no|mrn)|chart (?:number|no))[^\n]{0,12}\d{4}",),
        ignore_case=True,
        normalize="alnum",
        base=Confidence.LIKELY,
        examples=("MRN: MRN-4560474", "patient ID 108965"),
        near_misses=("patient id unknown", "mrn 12"),
        aliases=_PHI,
        source="https://www.hhs.gov/hipaa/for-professionals/special-topics/de-identification/index.html",
    ),
    Detector(
        id="health_plan_number",
        name="Health plan member number",
        family="health_plan",
        category="health",
        pattern=r"(?<![A-Za-z])(?:member|subscriber|policy|insurance|beneficiary)[ _]?(?:id|number|no"
        r"|policy|code|#)[\"']?[ ]{0,2}[:#=]{0,2}[ ]{0,2}"
        r"[\"'#]?(?P<value>[A-Z]{0,4}[\-]?\d{4,14}(?:-[A-Z0-9]{1,4})?)(?![A-Za-z0-9])",
        factors=(
            (
                r"\b(?:member|subscriber|policy|insurance|beneficiary)[ _]?(?:id|number|no|policy|code"
                r"|#)[^\n]{0,8}\d{4}"
            ),
        ),
        ignore_case=True,
        normalize="alnum",
        base=Confidence.POSSIBLE,
        context=Context(
            words=("health", "insurance", "medical", "plan", "payer", "coverage", "patient", "claim"), required=True
        ),
        examples=("health insurance member ID: XYZ123456789",),
        near_misses=("member id 12", "team member number 12345"),
        aliases=_PHI,
        source="https://www.hhs.gov/hipaa/for-professionals/special-topics/de-identification/index.html",
    ),
)
