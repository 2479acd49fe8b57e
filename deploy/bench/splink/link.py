"""Links what `heji bench link --write` or `heji bench population --write` wrote
with Splink, the way its documentation advises: weights learned without labels,
blocking rules on what the records share, term frequencies of names.

    python link.py FOLDER [THRESHOLD]

writes FOLDER/splink.csv for `heji score FOLDER/truth.csv FOLDER/splink.csv`.
Needs the packages splink and pandas.
"""

import resource
import sys
import time

import pandas as pd
import splink.comparison_level_library as cll
import splink.comparison_library as cl
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

folder = sys.argv[1]
threshold = float(sys.argv[2]) if len(sys.argv) > 2 else 0.95
records = pd.read_csv(f"{folder}/records.csv", dtype=str)
begin = time.time()

rules = [
    block_on("id_number"),
    block_on("name", "birth_date"),
    block_on("name", "phone"),
    block_on("birth_date", "residence"),
    block_on("birth_date", "phone"),
    block_on("mother_id", "birth_date"),
]
name = cl.CustomComparison(
    output_column_name="name",
    comparison_levels=[
        cll.NullLevel("name"),
        cll.ExactMatchLevel("name", term_frequency_adjustments=True),
        cll.LevenshteinLevel("name", distance_threshold=1),
        cll.ElseLevel(),
    ],
)
settings = SettingsCreator(
    link_type="dedupe_only",
    unique_id_column_name="key",
    blocking_rules_to_generate_predictions=rules,
    comparisons=[
        name,
        cl.LevenshteinAtThresholds("id_number", [1, 2]),
        cl.DateOfBirthComparison("birth_date", input_is_string=True),
        cl.LevenshteinAtThresholds("phone", 1),
        cl.ExactMatch("residence"),
        cl.ExactMatch("sex"),
        cl.ExactMatch("mother_id"),
    ],
)
linker = Linker(DuckDBAPI().register(records), settings)
linker.training.estimate_probability_two_random_records_match([block_on("id_number")], recall=0.93)
linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
for rule in (block_on("id_number"), block_on("name", "birth_date"), block_on("phone")):
    linker.training.estimate_parameters_using_expectation_maximisation(rule)
trained = time.time()
pairs = linker.inference.predict(threshold_match_probability=threshold)
clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(pairs, threshold)
out = clusters.as_pandas_dataframe()[["key", "cluster_id"]]
done = time.time()
out.rename(columns={"cluster_id": "entity"}).to_csv(f"{folder}/splink.csv", index=False)
used = resource.getrusage(resource.RUSAGE_SELF)
print(f"{len(records)} records: trained in {trained - begin:.1f} s, linked in {done - trained:.1f} s; "
      f"processor time {used.ru_utime + used.ru_stime:.0f} s; peak memory {used.ru_maxrss / 2**20:.2f} GiB")
